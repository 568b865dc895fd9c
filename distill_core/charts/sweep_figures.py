"""Which figure of a trial a chart of a sweep shows, and what is told of a trial that somebody points at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from distill_core.charts import units
from distill_core.charts.names import display_name
from distill_core.charts.style import hover
from distill_core.charts.sweep_axes import axis_title, value_word
from distill_core.evaluation.metrics import METRICS, Metric
from distill_core.evaluation.verdict import paired_verdict
from distill_core.language import _, counted, marked, told
from distill_core.sweep_rows import Spread, SweepResults, TrialResult, TrialState

Figure = Literal["validation", "test", "gain", "gain-low"]
FIGURES: dict[Figure, str] = {
    "validation": marked("Validation {metric}"), "test": marked("Test {metric}"),
    "gain": marked("Gain over the student alone"), "gain-low": marked("Gain, lower end of its interval"),
}
"""In words that `figure_title` completes."""
STATE_WORDS: dict[TrialState, str] = {
    "waiting": marked("waiting"), "training": marked("training"), "finished": marked("finished"),
    "pruned": marked("pruned"), "refused": marked("refused"), "failed": marked("failed"), "stopped": marked("stopped"),
}
CONFIDENCE = "95%"


@dataclass(frozen=True)
class Reading:
    """One trial's figure, in the units shown (percent, points, or R² as it is); the interval needs two seeds."""

    value: float
    low: float | None
    high: float | None
    seeds: int


def metric_of(results: SweepResults) -> Metric:
    """How the sweep's accuracies are read."""
    return METRICS[results.metric]


def figure_title(figure: Figure, results: SweepResults) -> str:
    """The figure's name with its unit, in the reader's language."""
    metric = metric_of(results)
    title = _(FIGURES[figure]).format(metric=metric.title)
    unit = ("%" if metric.is_share else "") if figure in ("validation", "test") else metric.unit
    return f"{title} ({unit})" if unit else title


def is_difference(figure: Figure) -> bool:
    """Whether 0 means something of its own: as good as the student alone."""
    return figure in ("gain", "gain-low")


def spread_of(trial: TrialResult, figure: Figure) -> Spread:
    """The trial's mean and interval of a figure, as stored: shares in 0..1."""
    return {"validation": trial.validation, "test": trial.test}.get(figure, trial.gain)


def reading(trial: TrialResult, figure: Figure, metric: Metric) -> Reading | None:
    """What a chart shows of the trial; None where there is nothing yet."""
    spread, factor = spread_of(trial, figure), metric.factor
    value = spread.low if figure == "gain-low" else spread.mean
    if value is None:
        return None
    return Reading(
        factor * value, None if spread.low is None else factor * spread.low,
        None if spread.high is None else factor * spread.high, spread.seeds,
    )


def number(value: float, figure: Figure, metric: Metric) -> str:
    """A value in the units shown, short enough for a cell."""
    digits = 1 if metric.is_share else 3
    return f"{value:+z.{digits}f}" if is_difference(figure) else f"{value:z.{digits}f}"


def interval_words(spread: Spread, metric: Metric, *, signed: bool = False) -> str:
    """"96.2% (95.1 to 97.3, 5 seeds)"; a difference with its sign and unit."""
    if spread.mean is None:
        return "–"
    mean = metric.difference(spread.mean) if signed else metric.value(spread.mean)
    seeds = counted("{number} seed", "{number} seeds", spread.seeds)
    if spread.low is None or spread.high is None:
        return _("{mean} ({seeds})").format(mean=mean, seeds=seeds)
    low, high = (
        metric.signed(one) if signed else metric.value(one).removesuffix("%") for one in (spread.low, spread.high)
    )
    return _("{mean} ({low} to {high}, {seeds})").format(mean=mean, low=low, high=high, seeds=seeds)


def told_of(trial: TrialResult, results: SweepResults, *, more: int = 0) -> str:
    """The hover text of a trial, ready for Plotly; `more`: how many others stand in its place."""
    metric = metric_of(results)
    lines = [(axis_title(field), display_name(value_word(field, value))) for field, value in trial.values.items()]
    if trial.validation.mean is not None:
        lines += [(_("Validation"), interval_words(trial.validation, metric))]
    if trial.test.mean is not None:
        lines += [(_("Test"), interval_words(trial.test, metric))]
    if trial.gain.mean is not None:
        lines += [(_("Gain"), interval_words(trial.gain, metric, signed=True))]
    if trial.latency_p50_ms is not None:
        lines += [(_("p50"), units.milliseconds(trial.latency_p50_ms))]
    if trial.size_bytes is not None:
        lines += [(_("File"), units.size(trial.size_bytes))]
    if trial.parameters is not None:
        lines += [(_("Parameters"), f"{trial.parameters:,}")]
    lines += [(_("State"), _(STATE_WORDS[trial.state]))]
    if trial.reason:
        lines += [("", display_name(told(trial.reason), 90))]
    lines += [("", display_name(told(one), 90)) for one in trial.limits_broken]
    if more:
        lines += [("", counted("best of {number} trials here", "best of {number} trials here", more + 1))]
    return hover(lines, heading=trial_title(trial)).removesuffix("<extra></extra>")


def trial_title(trial: TrialResult) -> str:
    """"Trial 7", counted from 1 as people count."""
    return _("Trial {number}").format(number=trial.number + 1)


def told_apart(results: SweepResults) -> tuple[int, int] | None:
    """Of how many trials the best differs, seed by seed, by a 95% interval that leaves out 0; and of how many not.

    By validation, over the trials that share two seeds or more with it. None without a best trial or others.
    """
    best = next((trial for trial in results.trials if trial.number == results.best), None)
    if best is None:
        return None
    mine = _by_seed(best)
    apart = same = 0
    for trial in results.trials:
        verdict = paired_verdict(
            mine, _by_seed(trial), student_name=best.name, baseline_name=trial.name, metric=results.metric,
        )
        if trial.number != best.number and verdict.ci_low is not None:
            apart, same = (apart + 1, same) if verdict.ci_low > 0 else (apart, same + 1)
    return (apart, same) if apart + same else None


def _by_seed(trial: TrialResult) -> dict[int, float]:
    return {one.seed: one.validation for one in trial.seeds if one.validation is not None}


def state_counts(counts: Mapping[TrialState, int]) -> str:
    """"18 finished, 2 pruned, 5 waiting", plain text; nothing for states without a trial."""
    parts = [
        _("{count} {state}").format(count=counts[state], state=_(word))
        for state, word in STATE_WORDS.items() if counts.get(state)
    ]
    return _(", ").join(parts)
