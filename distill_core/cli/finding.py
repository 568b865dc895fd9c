"""Finds experiments and runs by the beginning of their ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from distill_core.errors import NotFound
from distill_core.services import Lab


def find_experiment(lab: Lab, prefix: str) -> str:
    """The id that begins so. Raises NotFound."""
    return str(_only_one("experiment", prefix, lab.store.ids_starting(prefix)))


def find_sweep(lab: Lab, prefix: str) -> str:
    """The id that begins so. Raises NotFound."""
    return str(_only_one("sweep", prefix, lab.store.sweeps.ids_starting(prefix)))


def find_run(lab: Lab, text: str) -> tuple[str, str]:
    """Experiment and run id of RUN or EXPERIMENT/RUN. Raises NotFound."""
    experiment, slash, prefix = text.rpartition("/")
    if slash:
        view = lab.experiment(find_experiment(lab, experiment))
        found = [run.run_id for run in view.runs if run.run_id.startswith(prefix)]
        return view.row.experiment_id, str(_only_one("run", prefix, found))
    chosen: tuple[str, str] = _only_one("run", prefix, lab.store.runs_starting(prefix))
    return chosen


def _only_one(kind: str, prefix: str, found: Sequence[Any]) -> Any:
    if prefix in found:
        return prefix
    if not found or not prefix:
        raise NotFound(f"There is no {kind} whose id begins with {prefix[:60]!r}; `list` and `show` tell the ids.")
    if len(found) > 1:
        ids = ", ".join(item if isinstance(item, str) else item[1] for item in found)
        raise NotFound(f"Several {kind}s begin with {prefix!r}: {ids}; give more of the id.")
    return found[0]
