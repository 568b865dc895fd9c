"""Sweeps with plausible figures, as the service would tell them: grids under way, and ones that Optuna proposed."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from dataclasses import replace
from statistics import fmean, stdev
from typing import Any

from distill_core.events import LatencyRow
from distill_core.spec import ExperimentSpec
from distill_core.sweep_rows import (
    TRIAL_STATES,
    AloneResult,
    SeedFigures,
    Spread,
    SweepResults,
    SweepRow,
    SweepState,
    TrialResult,
    TrialState,
)
from distill_core.sweep_spec import SweepSpec, parse_sweep
from tests.fixtures import MACHINE, STARTED, preset_spec

TEMPERATURES, SHARES, SEEDS = (1.0, 2.0, 4.0, 8.0, 16.0), (0.25, 0.5, 0.75, 0.9, 1.0), (0, 1, 2, 3, 4)
_T95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}
WHERE = LatencyRow(
    batch=1, threads=1, provider="CPUExecutionProvider", p50=0.017, p95=0.02, p99=0.03, repeats=200, machine=MACHINE,
)


def base_spec(*, seeds: int = 5) -> ExperimentSpec:
    """The digits demo with one distilled student."""
    spec = preset_spec(seeds=seeds)
    student = next(one for one in spec.students if one.name == "distilled T=8")
    return spec.model_copy(update={"students": (student,)})


def map_spec(*, seeds: int = 5, **changes: Any) -> SweepSpec:
    """Temperature by the teacher's share, 25 cells."""
    data = {
        "name": "Digits: a temperature map", "base": base_spec(seeds=seeds).to_json(), "axes": [
            {"field": "temperature", "values": list(TEMPERATURES)}, {"field": "teacher_share", "values": list(SHARES)},
        ],
    }
    return parse_sweep(data | changes)


def search_spec(**changes: Any) -> SweepSpec:
    """Optuna over a range of temperatures and three students, for accuracy and size."""
    data = {
        "name": "Digits: small and good", "base": base_spec().to_json(), "axes": [
            {"field": "temperature", "low": 1.0, "high": 20.0, "log": True},
            {"field": "student", "values": ["tiny-cnn", "small-cnn", {"name": "mlp", "params": {"width": 16}}]},
        ],
        "method": {"kind": "optuna", "trials": 24, "batch": 8, "pruner": "median"},
        "objectives": ["accuracy", "size"], "limits": {"size_bytes": 60_000},
    }
    return parse_sweep(data | changes)


def spread(values: list[float]) -> Spread:
    if not values:
        return Spread(None, None, None, 0)
    half = _T95.get(len(values), 2.0) * stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
    mean = fmean(values)
    return Spread(mean, None if half is None else mean - half, None if half is None else mean + half, len(values))


def trial(
    number: int, values: Mapping[str, Any], *, state: TrialState = "finished", level: float = 0.95, seeds: int = 5,
    reason: str = "", **more: Any,
) -> TrialResult:
    """One trial whose seeds scatter around a level; the student alone reaches 0.92."""
    noise = random.Random(repr((number, sorted(values.items(), key=str))))
    figures = []
    for seed in range(seeds):
        validation = level + noise.gauss(0, 0.008)
        test = validation - 0.01 + noise.gauss(0, 0.004)
        figures.append(SeedFigures(seed, validation, test, test - 0.91, validation - 0.92))
    return TrialResult(
        number=number, name=f"trial {number}", values=values, twins=(), state=state, reason=reason,
        seeds=tuple(figures), validation=spread([one.validation for one in figures if one.validation is not None]),
        test=spread([one.test for one in figures if one.test is not None]),
        gain=spread([one.gain for one in figures if one.gain is not None]),
        validation_gain=spread([one.validation_gain for one in figures if one.validation_gain is not None]),
        architecture="tiny-cnn", parameters=1_898, size_bytes=9_400, latency_p50_ms=0.017,
        experiment_id="round-one" if state != "waiting" else "", variant=f"variant {number}", **more,
    )


def results_of(
    spec: SweepSpec, trials: list[TrialResult], *, state: SweepState = "finished", sweep_id: str = "map-one"
) -> SweepResults:
    """All of a sweep around its trials."""
    alone = [SeedFigures(seed, 0.92, 0.91, 0.0, 0.0) for seed in SEEDS]
    judged = [one for one in trials if one.validation.mean is not None and not one.limits_broken]
    ended = sum(one.state not in ("waiting", "training") for one in trials)
    going = state in ("running", "stopping")
    row = SweepRow(
        sweep_id=sweep_id, name=spec.name, state=state, reason="", created_at=STARTED,
        finished_at=None if going else STARTED + 200, owner="", spec=spec, trials=len(trials), trials_ended=ended,
        runs_total=len(trials) * 5 + 6, runs_done=ended * 5 + 6,
        experiment_ids=("round-one",),
    )
    return SweepResults(
        row=row, trials=tuple(trials), alone=(AloneResult(
            "alone", "tiny-cnn", "random", 40, tuple(alone), Spread(0.92, 0.91, 0.93, 5), Spread(0.91, 0.90, 0.92, 5),
            tuple(one.number for one in trials),
        ),),
        objectives=spec.objectives, metric="accuracy",
        best=max(judged, key=lambda one: one.validation.mean or 0.0).number if judged else None,
        counts={name: sum(one.state == name for one in trials) for name in TRIAL_STATES}, latency_where=WHERE,
        front=tuple(one.number for one in trials if one.on_front),
    )


def map_results(*, done: int = 25, state: SweepState = "finished", seeds: int = 5) -> SweepResults:
    """The temperature map; of its 25 cells so many are done, the next trains, the others wait."""
    spec, trials = map_spec(seeds=seeds), []
    for number, (temperature, share) in enumerate(itertools.product(TEMPERATURES, SHARES)):
        level = 0.925 + 0.03 * (1 - 1 / temperature) + 0.008 * share
        values = {"temperature": temperature, "teacher_share": share}
        if number < done:
            trials.append(trial(number, values, level=level, seeds=seeds))
        elif number == done and state == "running":
            trials.append(trial(number, values, state="training", level=level, seeds=min(2, seeds)))
        else:
            trials.append(trial(number, values, state="waiting" if state == "running" else "stopped", seeds=0))
    return results_of(spec, trials, state=state)


def search_results(*, state: SweepState = "finished") -> SweepResults:
    """What Optuna proposed: some pruned, one refused, one failed, one beyond the limit."""
    draw, spec, trials = random.Random(7), search_spec(), []
    students: list[Any] = ["tiny-cnn", "small-cnn", {"name": "mlp", "params": {"width": 16}}]
    sizes = {"tiny-cnn": (1_898, 9_400, 0.017), "small-cnn": (25_978, 108_000, 0.21), "mlp": (1_210, 6_100, 0.009)}
    for number in range(24):
        student = students[draw.randrange(3)]
        name = student if isinstance(student, str) else student["name"]
        values = {"temperature": round(20 ** draw.random(), 3), "student": student}
        level = {"tiny-cnn": 0.95, "small-cnn": 0.97, "mlp": 0.93}[name] + 0.01 * (1 - 1 / values["temperature"])
        one = trial(number, values, level=level, on_front=number in (3, 5))
        if number % 6 == 4:
            one = trial(number, values, state="pruned", level=level - 0.03, seeds=1, reason="Below the median.")
        if number == 10:
            one = trial(number, values, state="refused", seeds=0, reason="Its network does not fit the data.")
        if number == 11:
            one = trial(number, values, state="failed", seeds=0, reason="The loss became infinite.")
        parameters, size_bytes, latency = sizes[name]
        broken = ("Its ONNX file has 108 kB; the limit is 60 kB.",) if size_bytes > 60_000 else ()
        trials.append(replace(
            one, parameters=parameters, size_bytes=size_bytes, latency_p50_ms=latency, limits_broken=broken,
        ))
    return results_of(spec, trials, state=state, sweep_id="search-one")
