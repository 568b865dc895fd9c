"""Plug-ins that start and watch workers: one file each; DISTILL_EXECUTOR names the one in use."""

import os

from distill_core.entries import ExecutorEntry, discover
from distill_core.errors import LabError, Problem

REGISTRY = discover("executor", __name__, __path__, ExecutorEntry)
_SETTING, _DEFAULT = "DISTILL_EXECUTOR", "local"


def wanted_executor() -> str:
    """The name in DISTILL_EXECUTOR, right or wrong; `local` without it."""
    return os.environ.get(_SETTING) or _DEFAULT


def chosen_executor() -> ExecutorEntry:
    """The entry of `wanted_executor`. Raises LabError for a name that no entry has, or settings that cannot be right.

    A dispatcher asks once, when it begins; who starts one asks too, so that a wrong name is told at once.
    """
    name = wanted_executor()
    if name not in REGISTRY.names:
        remedy = "Correct or unset this environment variable."
        raise LabError(str(Problem(_SETTING, name, ", ".join(REGISTRY.names), remedy)))
    entry = REGISTRY[name]
    problem = entry.problem()
    if problem is not None:
        raise LabError(problem)
    return entry
