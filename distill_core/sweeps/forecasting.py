"""What a sweep will cost: the experiments it will make, and the preview's answer put into a forecast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distill_core.catalog import Catalogue
from distill_core.spec import ExperimentSpec
from distill_core.sweep_rows import Forecast, NetworkFigures, SweepPlan, Trial
from distill_core.sweep_spec import Optuna, SweepSpec
from distill_core.sweeps import spaces
from distill_core.sweeps.cells import epochs_of, experiment_of
from distill_core.sweeps.planning import Making, Networks, groups_of, rungs, variant

START_SECONDS = 6.0
"""Of a round's worker: loading torch and the data, measuring the step."""


def round_specs(
    spec: SweepSpec, plan: SweepPlan, catalogue: Catalogue, networks: Networks
) -> list[ExperimentSpec]:
    """The experiments of a plan, complete. Of Optuna those of as many combinations drawn at random, in its batches."""
    if isinstance(spec.method, Optuna):
        making = Making(spec, (), catalogue, networks)
        for number in range(plan.trials):
            any(making.take(values) for values in spaces.drawn(spec, seed=spec.method.seed, number=number))
        kept = [trial for trial in making.trials if not trial.refused]
        size = spec.method.batch
        batches = [kept[start : start + size] for start in range(0, len(kept), size)]
        groups = [group for batch in batches for group in groups_of(batch)]
    else:
        groups = groups_of([
            Trial(cell.number, cell.name, cell.values, (), epochs_of(spec, cell.values), 0)
            for cell in plan.cells if not cell.refused
        ])
    return [
        catalogue.check(
            experiment_of(
                spec, [variant(spec, trial, catalogue) for trial in group], seeds=spec.base.seeds,
                epochs=group[0].epochs,
            )
        )
        for group in groups
    ]


def forecast_of(plan: SweepPlan, told: Mapping[str, Any]) -> Forecast:
    """From the preview's answer: see jobs.sweep_answer."""
    spec, notes = plan.spec, [*plan.notes, *told["warnings"]]
    rounds, seconds = len(told["rounds"]), float(sum(one["seconds"] for one in told["rounds"]))
    if isinstance(spec.method, Optuna):
        between = len(rungs(spec)) - 1
        seconds += between * rounds * START_SECONDS
        rounds *= between + 1
        notes.append("Optuna chooses as it goes; this is what as many trials drawn at random would take, none pruned.")
    return Forecast(
        seconds=seconds, runs=told["runs"], reused=told["reused"], experiments=rounds,
        networks=tuple(
            NetworkFigures(one["architecture"], one["title"], one["parameters"], one["size_bytes"], one["latency"])
            for one in told["networks"]
        ),
        refused=tuple(cell for cell in plan.cells if cell.refused), notes=tuple(notes),
    )

