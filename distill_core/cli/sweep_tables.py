"""What the command line shows of sweeps: what one will take, how far it is, and its trials in a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from distill_core.cli.terminal import print_table
from distill_core.evaluation.metrics import METRICS, Metric
from distill_core.sweep_rows import TRIAL_STATES, Forecast, Spread, SweepPlan, SweepResults, SweepRow, TrialResult
from distill_core.sweeps.cells import value_label


def print_forecast(plan: SweepPlan, forecast: Forecast) -> None:
    most = "" if plan.cells else "at most "
    experiments = "1 experiment" if forecast.experiments == 1 else f"{forecast.experiments} experiments"
    print(
        f"{most}{plan.trials} trials in {experiments}: {forecast.runs} runs, {forecast.reused} of them already there; "
        f"about {_duration(forecast.seconds)}."
    )
    for note in forecast.notes:
        print(note)
    print_table("Student networks", ("network", "parameters", "file kB", "p50 ms"), (
        (one.title, one.parameters, f"{one.size_bytes / 1000:.1f}", _rounded(one.latency_p50_ms))
        for one in forecast.networks
    ))
    if forecast.refused:
        print_table("Not trained", ("trial", "why"), ((cell.name, cell.refused) for cell in forecast.refused))


def print_sweeps(rows: Sequence[SweepRow]) -> None:
    print_table("Sweeps", ("id", "name", "method", "state", "trials", "runs", "created", "reason"), (
        (row.sweep_id, row.name, row.spec.method.kind, row.state, f"{row.trials_ended}/{row.trials}",
         f"{row.runs_done}/{row.runs_total}", _when(row.created_at), row.reason)
        for row in rows
    ))


def summary(found: SweepResults) -> str:
    """How far a sweep is, in one line."""
    row = found.row
    counts = ", ".join(f"{found.counts[state]} {state}" for state in TRIAL_STATES if found.counts.get(state))
    told = f"{row.state}{f' ({row.reason})' if row.reason else ''}: {counts or 'no trial yet'}"
    told += f"; {row.runs_done} of {row.runs_total} runs" if row.runs_total else ""
    if found.best is not None:
        best = found.trials[found.best]
        told += f"; best {best.name}: {_spread(best.validation, METRICS[found.metric])}"
    return told


def print_results(found: SweepResults) -> None:
    print(f"{found.row.sweep_id}  {found.row.name}: {summary(found)}")
    metric = METRICS[found.metric]
    for alone in found.alone:
        if alone.test.seeds:
            label, seeds = value_label(alone.architecture), alone.test.seeds
            print(f"{label} alone, {alone.epochs} epochs: {_spread(alone.test, metric)} on test data, seeds: {seeds}")
    known = [one for one in found.trials if one.validation.mean is not None]
    rest = [one for one in found.trials if one.validation.mean is None]
    ordered = sorted(known, key=lambda one: (-(one.validation.mean or 0), one.number)) + rest
    columns = ("trial", "name", "state", "seeds", "validation", "test", "gain", "parameters", "file kB", "p50 ms", "")
    title = f"Trials, by {metric.title} on validation data"
    print_table(title, columns, (_cells(one, metric) for one in ordered))


def _cells(one: TrialResult, metric: Metric) -> tuple[object, ...]:
    marks = [*(["front"] if one.on_front else []), *one.limits_broken, *([one.reason] if one.reason else [])]
    size = "" if one.size_bytes is None else f"{one.size_bytes / 1000:.1f}"
    return (
        # Counted from 1, as on the page.
        one.number + 1, one.name, one.state, one.validation.seeds, _spread(one.validation, metric),
        _spread(one.test, metric), _spread(one.gain, metric, signed=True), one.parameters, size,
        _rounded(one.latency_p50_ms), " ".join(marks),
    )


def _spread(spread: Spread, metric: Metric, *, signed: bool = False) -> str:
    if spread.mean is None:
        return ""
    told = metric.difference if signed else metric.value
    if spread.low is None or spread.high is None:
        return told(spread.mean)
    return f"{told(spread.mean)} ({told(spread.low)} to {told(spread.high)})"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    return f"{whole / 60:.0f} min" if whole < 7200 else f"{whole / 3600:.1f} h"


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _when(at: float) -> str:
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")
