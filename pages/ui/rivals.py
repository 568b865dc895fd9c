"""Names for variants and runs in choosers: as short as can be, and never two the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from distill_core.charts.names import lineage_name, plain_name
from distill_core.rows import RunRow

LONGEST_LINEAGE = 72
K = TypeVar("K")
Rival = tuple[str, str, str]
"""A variant: its experiment's id, its role, its name."""


def key_of(run: RunRow) -> str:
    """A run's name in the address; experiments that reuse runs share their ids."""
    return f"{run.experiment_id}.{run.run_id}"


def rival_of(run: RunRow) -> Rival:
    return run.experiment_id, run.role, run.name


def rival_names(runs: Iterable[RunRow]) -> dict[Rival, str]:
    """Each variant's name in the order given, with its experiment's where there are several."""
    found = {rival_of(run): run for run in runs}
    several = len({experiment_id for experiment_id, _, _ in found}) > 1
    return told_apart({
        rival: f"{_shown(run)} · {plain_name(run.experiment_name, 28)}" if several else _shown(run)
        for rival, run in found.items()
    })


def _shown(run: RunRow) -> str:
    return lineage_name(run.name, LONGEST_LINEAGE) if run.role == "compressed" else plain_name(run.name)


def told_apart(names: Mapping[K, str]) -> dict[K, str]:
    """The same names, later ones of the same numbered: a chooser takes equal names for one option."""
    result: dict[K, str] = {}
    taken: set[str] = set()
    for key, name in names.items():
        number, shown = 1, name
        while shown in taken:
            number += 1
            shown = f"{name} ({number})"
        taken.add(shown)
        result[key] = shown
    return result
