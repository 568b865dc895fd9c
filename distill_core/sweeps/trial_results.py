"""What one trial has found: its runs by seed beside those of the student alone, its state and the limits it breaks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from distill_core.evaluation.verdict import t_interval
from distill_core.events import LatencyRow, State
from distill_core.spec import Student
from distill_core.sweep_rows import Round, SeedFigures, Spread, SweepRow, SweepRun, Trial, TrialResult, TrialState
from distill_core.sweep_spec import Limits, value_json
from distill_core.sweeps.planning import Networks, broken_before_training

WITH_FIGURES = ("finished", "reused")
NOTHING = Spread(None, None, None, 0)


@dataclass(frozen=True)
class Held:
    """All that results are made of. `states` and `runs` are of the rounds' experiments, by id."""

    row: SweepRow
    trials: Sequence[Trial]
    rounds: Sequence[Round]
    states: Mapping[str, State]
    runs: Sequence[SweepRun]
    networks: Networks


@dataclass(frozen=True)
class Graph:
    """What was measured of one network; the first measurement stands for all trials of it."""

    parameters: int | None = None
    size_bytes: int | None = None
    latency_p50_ms: float | None = None
    where: LatencyRow | None = None


def spread(values: Sequence[float | None]) -> Spread:
    """Mean and 95% interval of what is known and finite."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return NOTHING
    low, high = t_interval(known) or (None, None)
    return Spread(fmean(known), low, high, len(known))


def score_spread(values: Sequence[float | None]) -> Spread:
    """The same of accuracies or R²: neither goes beyond 1, nor does the interval."""
    found = spread(values)
    return found if found.high is None else replace(found, high=min(found.high, 1.0))


def trial_result(
    held: Held, trial: Trial, runs: Sequence[SweepRun], alone: Mapping[int, SweepRun], graph: Graph,
    student: Student,
) -> TrialResult:
    by_seed = {run.seed: run for run in runs if run.state in WITH_FIGURES}
    figures = tuple(
        seed_figures(by_seed[seed], alone.get(seed)) for seed in held.row.spec.base.seeds if seed in by_seed
    )
    mine = [one for one in held.rounds if trial.number in one.trials]
    state, reason = _state(held, trial, mine, runs, by_seed)
    validation = score_spread([one.validation for one in figures])
    found = TrialResult(
        number=trial.number, name=trial.name, values=trial.values, twins=trial.twins, state=state, reason=reason,
        seeds=figures, validation=validation, test=score_spread([one.test for one in figures]),
        gain=spread([one.gain for one in figures]), validation_gain=spread([one.validation_gain for one in figures]),
        architecture=value_json(student.architecture), parameters=graph.parameters, size_bytes=graph.size_bytes,
        latency_p50_ms=graph.latency_p50_ms, experiment_id=mine[-1].experiment_id if mine else "",
        variant=trial.name if mine else "", progress=_progress(runs) if state == "training" else 0.0,
    )
    costs = _costs_broken(held.row.spec.limits, found)
    regression = any(run.task == "regression" for run in runs)
    broken = (*costs, *_score_broken(held.row.spec.limits, found, regression=regression))
    return replace(found, costs_broken=costs, limits_broken=broken)


def seed_figures(run: SweepRun, alone: SweepRun | None) -> SeedFigures:
    def gain(mine: float | None, other: float | None) -> float | None:
        return None if mine is None or other is None else mine - other

    validation, test = _finite(run.validation), _finite(run.test)
    beside = (None, None) if alone is None else (_finite(alone.validation), _finite(alone.test))
    return SeedFigures(
        seed=run.seed, validation=validation, test=test, validation_gain=gain(validation, beside[0]),
        gain=gain(test, beside[1]),
    )


def _state(
    held: Held, trial: Trial, mine: Sequence[Round], runs: Sequence[SweepRun], finished: Mapping[int, SweepRun]
) -> tuple[TrialState, str]:
    if trial.refused:
        return "refused", trial.refused
    if trial.pruned:
        return "pruned", trial.pruned
    every = finished.keys() >= set(held.row.spec.base.seeds)
    if not mine:
        if held.row.state in ("stopped", "failed", "finished"):
            return "stopped", "The sweep ended before its turn came."
        return "waiting", ""
    last = mine[-1]
    if every:
        return "finished", ""
    if not last.outcome and held.row.going:
        begun = held.states.get(last.experiment_id) in ("running", "stopping") and runs
        return ("training" if begun else "waiting"), ""
    if last.experiment_id not in held.states:
        return "stopped", "Its experiment was purged; add points to the sweep, and it is trained again."
    if diverged := next((run for run in runs if run.state == "diverged"), None):
        return "failed", f"Its run of seed {diverged.seed} diverged; lower the learning rate or the weights."
    if finished.keys() >= set(last.seeds):
        # Between two rounds, or ended before its further seeds.
        return ("waiting", "") if held.row.going else ("stopped", "The sweep ended before its further seeds.")
    if last.outcome == "failed":
        return "failed", last.reason or "Its experiment failed."
    return "stopped", last.reason or "Its experiment was stopped."


def _progress(runs: Sequence[SweepRun]) -> float:
    """Of the epochs of its newest round."""
    due = sum(run.epochs for run in runs)
    done = sum(run.epochs if run.state in WITH_FIGURES else run.epochs_done for run in runs)
    return min(1.0, done / due) if due else 0.0


def _costs_broken(limits: Limits, found: TrialResult) -> tuple[str, ...]:
    known = {"parameters": found.parameters, "size_bytes": found.size_bytes}
    sentences = list(broken_before_training(limits, {name: value for name, value in known.items() if value}))
    if limits.latency_ms is not None and found.latency_p50_ms is not None and found.latency_p50_ms > limits.latency_ms:
        sentences.append(f"It takes {found.latency_p50_ms:.3g} ms a sample; allowed: at most {limits.latency_ms:g} ms.")
    return tuple(sentences)


def _score_broken(limits: Limits, found: TrialResult, *, regression: bool) -> tuple[str, ...]:
    mean = found.validation.mean
    if limits.accuracy is None or mean is None or mean >= limits.accuracy:
        return ()
    if regression:
        return (f"Its validation R² is {mean:.3f}; allowed: at least {limits.accuracy:.3f}.",)
    return (f"Its validation accuracy is {mean:.2%}; allowed: at least {limits.accuracy:.2%}.",)


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
