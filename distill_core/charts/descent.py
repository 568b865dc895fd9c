"""Who was made of whom: lines of descent from a trained network over each compression step, and what each cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from distill_core.charts.names import step_name
from distill_core.evaluation.verdict import t_interval
from distill_core.events import LatencyRow, Role
from distill_core.rows import RunRow

VariantKey = tuple[str, Role, str]
"""The experiment's id, the role and the name that all seeds of a variant share."""


@dataclass(frozen=True)
class Change:
    """A mean difference of paired seeds in the figure's own unit; the interval is None below two seeds."""

    mean: float
    low: float | None
    high: float | None
    seeds: int


@dataclass(frozen=True)
class Tread:
    """One network of a line, on the line's seeds; `step` is what it is called beside its parent."""

    name: str
    step: str
    runs: tuple[RunRow, ...]

    @property
    def first(self) -> RunRow:
        return self.runs[0]

    @property
    def scores(self) -> dict[int, float]:
        """Accuracy in 0..1, or R², of each seed that has one."""
        return {run.seed: run.score for run in self.runs if run.score is not None and is_made(run)}

    @property
    def score(self) -> float | None:
        found = self.scores
        return fmean(found.values()) if found else None

    @property
    def file_bytes(self) -> float | None:
        """Of the ONNX file, mean over the seeds that have one; None before any is there."""
        return mean_of(run.onnx_size_bytes for run in self.runs)

    @property
    def macs(self) -> float | None:
        """Of a run that is not made, what it would have is not known."""
        return mean_of(run.macs for run in self.runs if is_made(run))

    def latency(self, *, batch: int, threads: int) -> LatencyRow | None:
        return latency_at(self.runs, batch=batch, threads=threads)


@dataclass(frozen=True)
class Line:
    """A trained network and what became of it, step by step; at least two treads."""

    treads: tuple[Tread, ...]

    @property
    def root(self) -> Tread:
        return self.treads[0]

    @property
    def leaf(self) -> Tread:
        return self.treads[-1]

    @property
    def seeds(self) -> int:
        return len({run.seed for run in self.leaf.runs})


def is_made(run: RunRow) -> bool:
    """Whether it has a figure: a run that was refused or diverged has none, and its sizes are only foreseen."""
    return run.score is not None and math.isfinite(run.score)


def variant_key(run: RunRow) -> VariantKey:
    return run.experiment_id, run.role, run.name


def lines_of(runs: Sequence[RunRow]) -> tuple[Line, ...]:
    """Every line from a trained network to a child that nothing more was made of, in the order of those children.

    Of networks that have more seeds than the last of their line, only its seeds count.
    """
    groups: dict[VariantKey, list[RunRow]] = {}
    for run in runs:
        groups.setdefault(variant_key(run), []).append(run)
    parents = parents_of(runs)
    bred = set(parents.values())
    lines = []
    for key, members in groups.items():
        if key[1] != "compressed" or key in bred or key not in parents:
            continue
        path = [key]
        while (above := parents.get(path[0])) is not None and above not in path:
            path.insert(0, above)
        seeds = {run.seed for run in members}
        treads = tuple(
            Tread(one[2], step_name(one[2], path[place - 1][2] if place else ""), tuple(
                run for run in groups[one] if run.seed in seeds
            ))
            for place, one in enumerate(path)
        )
        if all(tread.runs for tread in treads):
            lines.append(Line(treads))
    return tuple(lines)


def parents_of(runs: Iterable[RunRow]) -> dict[VariantKey, VariantKey]:
    """For each compressed variant the one it was made of, if that is among the runs; its own experiment's first."""
    everything = list(runs)
    anywhere = {run.run_id: variant_key(run) for run in reversed(everything)}
    here = {(run.experiment_id, run.run_id): variant_key(run) for run in everything}
    found: dict[VariantKey, VariantKey] = {}
    for run in everything:
        above = here.get((run.experiment_id, run.parent)) or anywhere.get(run.parent)
        if run.parent and above is not None:
            found.setdefault(variant_key(run), above)
    return found


def root_of(key: VariantKey, parents: dict[VariantKey, VariantKey]) -> VariantKey:
    """The oldest known ancestor: the trained network, or the variant itself."""
    seen = {key}
    while key in parents and parents[key] not in seen:
        key = parents[key]
        seen.add(key)
    return key


@dataclass(frozen=True)
class Branch:
    """A run at its place in the family: how many steps below a trained network, and what that one is called."""

    run: RunRow
    depth: int
    step: str
    root: str


def branches_of(runs: Sequence[RunRow]) -> list[Branch]:
    """All runs, each followed by what was made of it; otherwise in the order given."""
    known = {(run.experiment_id, run.run_id) for run in runs}
    children: dict[tuple[str, str], list[RunRow]] = {}
    for run in runs:
        if (run.experiment_id, run.parent) in known and run.parent != run.run_id:
            children.setdefault((run.experiment_id, run.parent), []).append(run)
    kin = {(child.experiment_id, child.run_id) for some in children.values() for child in some}
    found: list[Branch] = []

    def follow(run: RunRow, depth: int, parent: str, root: str) -> None:
        found.append(Branch(run, depth, step_name(run.name, parent), root))
        for child in children.get((run.experiment_id, run.run_id), ()):
            follow(child, depth + 1, run.name, root)

    for run in runs:
        if (run.experiment_id, run.run_id) not in kin:
            follow(run, 0, "", run.name)
    return found


def change(before: Tread, after: Tread) -> Change | None:
    """How the score changed from one tread to the other on their shared seeds; None without any."""
    one, other = before.scores, after.scores
    differences = [other[seed] - one[seed] for seed in sorted(one.keys() & other.keys())]
    if not differences:
        return None
    low, high = t_interval(differences) or (None, None)
    return Change(fmean(differences), low, high, len(differences))


def latency_at(runs: Iterable[RunRow], *, batch: int, threads: int) -> LatencyRow | None:
    """The first measurement under exactly these conditions: only one seed of a variant is measured."""
    return next(
        (row for run in runs for row in run.latency if (row.batch, row.threads) == (batch, threads)), None
    )


def mean_of(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
