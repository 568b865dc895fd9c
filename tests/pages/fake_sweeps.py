"""The service of sweeps without a store: it keeps its promise to pages, with results that a test gives."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from distill_core.errors import Conflict, NotFound
from distill_core.spec import ExperimentSpec
from distill_core.sweep_rows import Cell, Forecast, Importance, NetworkFigures, SweepPlan, SweepResults, SweepRow
from distill_core.sweep_spec import SweepSpec, parse_sweep
from tests.told_sweeps import map_spec, search_spec


@dataclass(frozen=True)
class FakePreset:
    name: str
    title: str
    summary: str
    spec: SweepSpec


@dataclass
class FakeSweeps:
    """What is asked of it is noted in `calls`; a test changes `held` to let a sweep go on."""

    held: dict[str, SweepResults] = field(default_factory=dict)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    version_number: int = 1
    few_trials: bool = False
    refused: tuple[Cell, ...] = ()

    def presets(self) -> tuple[FakePreset, ...]:
        return (
            FakePreset("digits-temperature-map", "Digits: a temperature map", "25 cells.", map_spec()),
            FakePreset("digits-small", "Digits: small and good", "Optuna.", search_spec()),
        )

    def complete(self, data: dict[str, Any]) -> SweepSpec:
        return parse_sweep(data)

    def plan(self, spec: SweepSpec) -> SweepPlan:
        cells: list[Cell] = []
        if spec.method.kind == "grid":
            combinations = itertools.product(*(axis.values for axis in spec.axes))
            cells = [
                Cell(number, f"cell {number}", dict(zip((axis.field for axis in spec.axes), values, strict=True)))
                for number, values in enumerate(combinations)
            ]
        trials = len(cells) or getattr(spec.method, "trials", 0)
        return SweepPlan(spec, tuple(cells), trials, 1, (trials + 1) * len(spec.base.seeds) + 1)

    def forecast(self, spec: SweepSpec) -> Forecast:
        plan = self.plan(spec)
        networks = (NetworkFigures("tiny-cnn", "Tiny CNN", 1_898, 9_400, 0.02),)
        return Forecast(95.0, plan.runs, 6, 1, networks, self.refused)

    def launch(self, spec: SweepSpec, *, idempotency_key: str = "") -> str:
        self.calls.append(("launch", spec, idempotency_key))
        return next(iter(self.held))

    def list(
        self, *, search: str = "", limit: int = 50, offset: int = 0, deleted: bool | None = False, owner: str = ""
    ) -> list[SweepRow]:
        rows = [
            one.row for one in self.held.values() if search in one.row.name and deleted in (None, one.row.deleted)
        ]
        return rows[offset : offset + limit]

    def _of(self, sweep_id: str) -> SweepResults:
        if sweep_id not in self.held:
            raise NotFound(f"There is no sweep {sweep_id[:60]!r}.")
        return self.held[sweep_id]

    def find(self, sweep_id: str) -> SweepRow:
        return self._of(sweep_id).row

    def version(self, sweep_id: str) -> str:
        self._of(sweep_id)
        return f"v{self.version_number}"

    def results(self, sweep_id: str) -> SweepResults:
        return self._of(sweep_id)

    def importance(self, sweep_id: str) -> Importance:
        if self.few_trials:
            raise Conflict("Importance needs at least 4 trials with a figure; there are 2.")
        found = self._of(sweep_id)
        fields = [axis.field for axis in found.row.spec.axes]
        return Importance({one: 1 / len(fields) for one in fields}, len(found.trials), "fANOVA")

    def cell_spec(self, sweep_id: str, number: int) -> ExperimentSpec:
        self.calls.append(("cell", sweep_id, number))
        return self._of(sweep_id).row.spec.base

    def of_experiment(self, experiment_id: str) -> tuple[str, int] | None:
        return next(
            ((one.row.sweep_id, 1) for one in self.held.values() if experiment_id in one.row.experiment_ids), None
        )

    def extend(
        self, sweep_id: str, *, values: dict[str, Sequence[Any]] | None = None, trials: int = 0,
        seeds: Sequence[int] = (),
    ) -> None:
        self.calls.append(("extend", sweep_id, values, trials, list(seeds)))

    def stop(self, sweep_id: str) -> None:
        self.calls.append(("stop", sweep_id))

    def resume(self, sweep_id: str) -> None:
        self.calls.append(("resume", sweep_id))

    def delete(self, sweep_id: str) -> None:
        self.calls.append(("delete", sweep_id))
        self.hidden = self.held.pop(sweep_id)

    def undelete(self, sweep_id: str) -> None:
        self.held[sweep_id] = replace(self.hidden)
