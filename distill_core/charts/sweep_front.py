"""What a sweep offers whoever must pay: accuracy against latency, size or parameters, with the limits drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import plotly.graph_objects as go

from distill_core.charts import units
from distill_core.charts.names import plain_name
from distill_core.charts.style import BLUE, GREY, THEMES, VERMILLION, Theme, apply_style, empty_figure, seen_on
from distill_core.charts.sweep_figures import figure_title, metric_of, reading, told_of
from distill_core.charts.sweep_map import add_notes
from distill_core.charts.tradeoff import log_ticks
from distill_core.language import _, counted, marked
from distill_core.sweep_rows import SweepResults, TrialResult

Cost = Literal["latency", "size", "parameters"]
COSTS: dict[Cost, str] = {
    "latency": marked("ONNX latency p50 (ms)"), "size": marked("ONNX file (kB)"), "parameters": marked("Parameters"),
}
_BROKEN_OPACITY = 0.35


def cost_of(trial: TrialResult, cost: Cost) -> float | None:
    """What the trial costs, in the units of the axis."""
    if cost == "latency":
        return trial.latency_p50_ms
    if cost == "size":
        return None if trial.size_bytes is None else trial.size_bytes / 1000
    return trial.parameters


def costs_there(results: SweepResults) -> list[Cost]:
    """Those of which there is something to show; what was an objective comes first."""
    some = [cost for cost in COSTS if any(cost_of(trial, cost) is not None for trial in results.trials)]
    return sorted(some, key=lambda cost: cost not in results.objectives)


def front(results: SweepResults, *, cost: Cost, theme: Theme) -> go.Figure:
    """A mark a trial with its interval: mean validation figure against a cost; the Pareto front is a stepped line.

    The front is that of these two alone: on it nothing is better without costing more. Limits are dashed lines, and
    what breaks one is pale. `customdata` is the trial's number.
    """
    metric = metric_of(results)
    dots = [
        (trial, cost_now, found) for trial in results.trials
        if (cost_now := cost_of(trial, cost)) is not None
        and (found := reading(trial, "validation", metric)) is not None
    ]
    if not dots:
        return empty_figure(_("No trial has both figures yet."), theme)
    fig, colours = go.Figure(), THEMES[theme]
    kept = [(value, found.value) for trial, value, found in dots if not trial.limits_broken]
    if steps := pareto_steps(kept):
        right = max(value for _trial, value, _found in dots)
        fig.add_scatter(
            x=[*(value for value, _score in steps), right], y=[*(score for _value, score in steps), steps[-1][1]],
            mode="lines", line={"color": colours.muted, "width": 1.5, "shape": "hv", "dash": "dot"},
            name=_("Pareto front"), hoverinfo="skip",
        )
    on_front = {point for point in steps}
    groups: tuple[tuple[str, str, str, float, Callable[[TrialResult, float, float], bool]], ...] = (
        (_("on the front"), "diamond", seen_on(theme, BLUE), 1.0,
         lambda trial, value, score: not trial.limits_broken and (value, score) in on_front),
        (_("other trials"), "circle", seen_on(theme, GREY), 0.9,
         lambda trial, value, score: not trial.limits_broken and (value, score) not in on_front),
        (_("break a limit"), "x", seen_on(theme, VERMILLION), _BROKEN_OPACITY,
         lambda trial, value, score: bool(trial.limits_broken)),
    )
    for name, symbol, colour, opacity, belongs in groups:
        some = [(trial, value, found) for trial, value, found in dots if belongs(trial, value, found.value)]
        if not some:
            continue
        fig.add_scatter(
            x=[value for _trial, value, _found in some], y=[found.value for _trial, _value, found in some], name=name,
            mode="markers", opacity=opacity, marker={
                "symbol": symbol, "size": 11, "color": colour, "line": {"width": 1, "color": colours.background},
            },
            error_y={
                "type": "data", "symmetric": False, "color": colour, "thickness": 1, "width": 3,
                "array": [(found.high or found.value) - found.value for _trial, _value, found in some],
                "arrayminus": [found.value - (found.low or found.value) for _trial, _value, found in some],
            },
            hovertext=[told_of(trial, results) for trial, _value, _found in some],
            hovertemplate="%{hovertext}<extra></extra>", customdata=[trial.number for trial, _value, _found in some],
        )
    costs = [value for _trial, value, _found in dots]
    log = max(costs) > 8 * min(costs) > 0
    _add_limits(fig, results, cost, log=log, theme=theme)
    fig.update_xaxes(title_text=_(COSTS[cost]), showgrid=True)
    if log:
        # The tens of Plotly's own would read 1, 2, 5, 10, 2, 5.
        low, high = math.log10(min(costs)), math.log10(max(costs))
        fig.update_xaxes(type="log", range=[low - 0.15, high + 0.15], **log_ticks(low - 0.15, high + 0.15))
    fig.update_yaxes(title_text=figure_title("validation", results))
    fig.update_layout(height=440, uirevision=f"front {cost}")
    add_notes(fig, _notes(results, len(dots), cost))
    return apply_style(fig, theme)


def pareto_steps(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of (cost, score) those that nothing beats at the same cost or less, cheapest first."""
    best, steps = float("-inf"), []
    for cost, score in sorted(points, key=lambda point: (point[0], -point[1])):
        if score > best:
            best = score
            steps.append((cost, score))
    return steps


def _add_limits(fig: go.Figure, results: SweepResults, cost: Cost, *, log: bool, theme: Theme) -> None:
    limits, factor = results.row.spec.limits, metric_of(results).factor
    at_most = {
        "latency": limits.latency_ms, "parameters": limits.parameters,
        "size": None if limits.size_bytes is None else limits.size_bytes / 1000,
    }[cost]
    line = {"color": seen_on(theme, VERMILLION), "width": 1.2, "dash": "dash"}
    if at_most is not None:
        fig.add_vline(x=at_most, line=line)
        # Plotly wants a text's place on an axis by logarithm as its logarithm, a line's as it is.
        fig.add_annotation(
            text=_("limit"), x=math.log10(at_most) if log else at_most, xref="x", y=1, yref="paper", xanchor="left",
            yanchor="top", xshift=4,
        )
    if limits.accuracy is not None:
        fig.add_hline(y=factor * limits.accuracy, line=line)
        fig.add_annotation(
            text=_("limit"), x=1, xref="paper", y=factor * limits.accuracy, xanchor="right", yanchor="bottom",
        )


def _notes(results: SweepResults, shown: int, cost: Cost) -> list[str]:
    notes = [_("Bars: 95% intervals over seeds."), _("Dotted: nothing on it is better without costing more.")]
    if any(trial.limits_broken for trial in results.trials):
        notes.append(_("Crosses break a limit."))
    left_out = sum(trial.validation.mean is not None for trial in results.trials) - shown
    if left_out:
        notes.append(counted(
            "{number} trial is not measured yet.", "{number} trials are not measured yet.", left_out,
        ))
    if cost == "latency" and (where := latency_words(results)):
        notes.append(_("Measured with {conditions}.").format(conditions=where))
    return notes


def latency_words(results: SweepResults) -> str:
    """How the latencies were measured, plain text; empty without any."""
    row = results.latency_where
    if row is None:
        return ""
    return _("batch {batch}, {threads}, {provider}, {machine}").format(
        batch=row.batch, threads=units.threads(row.threads), provider=plain_name(row.provider),
        machine=plain_name(row.machine, 80),
    )


def best_in_words(results: SweepResults, trial: TrialResult) -> str:
    """What a trial costs, in a line; empty where nothing is measured."""
    parts = []
    if trial.parameters is not None:
        parts.append(counted("{number} parameter", "{number} parameters", trial.parameters))
    if trial.size_bytes is not None:
        parts.append(units.size(trial.size_bytes))
    if trial.latency_p50_ms is not None:
        parts.append(_("{latency} p50").format(latency=units.milliseconds(trial.latency_p50_ms)))
    return " · ".join(parts)
