"""The chart that decides: accuracy, or R², against what a network costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import plotly.graph_objects as go

from distill_core.charts.names import display_name, plain_name
from distill_core.charts.style import THEMES, Theme, add_caption, apply_style, empty_figure, hover
from distill_core.charts.variants import Spread, Variant, choose, spread
from distill_core.evaluation.metrics import METRICS, Metric, metric_title, primary_metric
from distill_core.events import LatencyRow
from distill_core.rows import RunRow

Cost = Literal["latency", "size", "macs", "parameters"]
_LARGEST_DOT_PX, _SMALLEST_DOT_PX = 34.0, 12.0


@dataclass(frozen=True)
class _Dot:
    variant: Variant
    score: Spread
    cost: float
    cost_high: float
    latency: LatencyRow | None


def tradeoff(runs: Sequence[RunRow], *, x: Cost, theme: Theme, batch: int = 1, threads: int = 1) -> go.Figure:
    """Accuracy in percent, of a regression R², against latency, size, MACs or parameters, for runs of one task.

    One dot a variant, its area by its parameters: the mean over seeds with one standard deviation either way.
    Latency is the p50 with a whisker to the p95, at exactly the given batch and threads; variants without it are left
    out and counted under the chart. The cost axis is logarithmic where the range exceeds tenfold. Raises ValueError
    for runs of different tasks.
    """
    tasks = list(dict.fromkeys(run.task for run in runs))
    if len(tasks) > 1:
        raise ValueError(f"runs of a {' and a '.join(tasks)} cannot share an axis")
    task = tasks[0] if tasks else "classification"
    metric, name = METRICS[primary_metric(task)], metric_title(primary_metric(task), task)
    found, notes = choose(runs, theme)
    trained = [(variant, score) for variant in found if (score := spread(run.score for run in variant.runs))]
    dots = [dot for variant, score in trained if (dot := _dot(variant, score, x, batch=batch, threads=threads))]
    conditions = f"batch {batch}, {_threads(threads)}"
    if not dots:
        missing = f"No ONNX latency at {conditions} yet." if trained else "No run has been tested yet."
        return empty_figure(missing, theme)
    fig = go.Figure()
    most_parameters = max(dot.variant.first.parameters for dot in dots)
    costs = [dot.cost for dot in dots]
    logarithmic = max(costs) > 10 * min(costs) > 0
    places = _side_by_side(costs, logarithmic=logarithmic)
    for dot, place in zip(dots, places, strict=True):
        _add_dot(
            fig, dot, metric, place=place, most_parameters=most_parameters, factor=_unit(x, dots)[1], theme=theme,
        )
    _cost_axis(fig, x, dots, conditions=conditions, logarithmic=logarithmic)
    fig.update_yaxes(title_text=f"Test {name}", ticksuffix="%" if metric.is_share else "")
    # On a phone the legend has a line a variant; the plot keeps its room.
    fig.update_layout(height=max(400, 290 + 28 * len(dots)), legend_itemsizing="constant")
    left_out = _left_out(len(trained) - len(dots), conditions)
    add_caption(fig, _reading_notes(dots, x, moved=places != costs) + left_out + notes)
    return apply_style(fig, theme)


def latency_conditions(runs: Iterable[RunRow]) -> list[tuple[int, int]]:
    """All (batch, threads) at which any of the runs was measured, smallest first: what a page can offer."""
    return sorted({(row.batch, row.threads) for run in runs for row in run.latency})


def _dot(variant: Variant, score: Spread, x: Cost, *, batch: int, threads: int) -> _Dot | None:
    first = variant.first
    row = next(
        (row for run in variant.runs for row in run.latency if (row.batch, row.threads) == (batch, threads)), None
    )
    if x == "latency":
        return _Dot(variant, score, row.p50, row.p95, row) if row else None
    cost = float({"size": first.size_bytes, "macs": first.macs, "parameters": first.parameters}[x])
    return _Dot(variant, score, cost, cost, row)


def _side_by_side(costs: Sequence[float], *, logarithmic: bool) -> list[float]:
    """Where to draw the dots: equal costs (variants of one network) stand a little apart instead of on each other."""
    high = math.log10(max(costs)) if logarithmic else max(costs)
    step = 0.022 * (high - (math.log10(min(costs)) if logarithmic else 0.0))
    places = []
    for number, cost in enumerate(costs):
        offset = step * (costs[:number].count(cost) - (costs.count(cost) - 1) / 2)
        places.append(cost if not offset else cost * 10**offset if logarithmic else cost + offset)
    return places


def _unit(x: Cost, dots: Sequence[_Dot]) -> tuple[str, float]:
    """The cost's unit and its factor, chosen for the largest."""
    largest = max(dot.cost for dot in dots)
    if x == "latency":
        return "ms", 1.0
    if x == "size":
        return ("MB", 1e-6) if largest >= 1e6 else ("kB", 1e-3)
    steps = [(1e9, "billions", 1e-9), (1e6, "millions", 1e-6), (1e3, "thousands", 1e-3)]
    return next(((name, factor) for least, name, factor in steps if largest >= least), ("", 1.0))


def _cost_axis(fig: go.Figure, x: Cost, dots: Sequence[_Dot], *, conditions: str, logarithmic: bool) -> None:
    unit, factor = _unit(x, dots)
    title = {
        "latency": f"ONNX latency p50, ms ({conditions})",
        "size": f"Size of the weights, {unit}",
        "macs": f"Multiply-accumulates a sample{f', {unit}' if unit else ''}",
        "parameters": f"Parameters{f', {unit}' if unit else ''}",
    }[x]
    fig.update_xaxes(title_text=title, showgrid=True)
    if not logarithmic:
        fig.update_xaxes(rangemode="tozero")
        return
    low, high = (math.log10(bound(dot.cost * factor for dot in dots)) for bound in (min, max))
    margin = 0.12 * (high - low)
    fig.update_xaxes(type="log", range=[low - margin, high + margin], **log_ticks(low - margin, high + margin))


def log_ticks(low: float, high: float) -> dict[str, list[float] | list[str]]:
    """Ticks at 1, 2 and 5 of each decade, fewer where many decades would crowd a phone."""
    steps = (1, 2, 5) if high - low < 2.2 else (1,)
    values = [step * 10.0**decade for decade in range(math.floor(low), math.ceil(high) + 1) for step in steps]
    return {"tickvals": values, "ticktext": [f"{value:,.12g}" for value in values]}


def _add_dot(
    fig: go.Figure, dot: _Dot, metric: Metric, *, place: float, most_parameters: int, factor: float, theme: Theme
) -> None:
    variant, score, row = dot.variant, dot.score, dot.latency
    first = variant.first
    share = first.parameters / most_parameters if most_parameters else 1.0
    deviation = f" ± {metric.signed(score.sd).lstrip('+')}" if score.sd else ""
    lines = [(metric.title, f"{metric.value(score.mean)}{deviation}")]
    lines += [("seeds", f"{score.seeds}"), ("parameters", f"{first.parameters:,}"), ("MACs", f"{first.macs:,}")]
    lines += [("weights", f"{first.size_bytes / 1000:,.1f} kB"), ("network", display_name(first.architecture))]
    if row is not None:
        lines += [
            ("p50", f"{row.p50:.3g} ms"), ("p95", f"{row.p95:.3g} ms"), ("batch", f"{row.batch}"),
            ("threads", f"{row.threads}"), ("provider", display_name(row.provider)),
            ("machine", display_name(row.machine)),
        ]
    whisker = {"type": "data", "color": variant.color, "thickness": 1.5, "width": 4}
    above = (dot.cost_high - dot.cost) * factor
    to_p95 = {**whisker, "array": [above], "arrayminus": [0.0], "symmetric": False, "thickness": 1}
    fig.add_scatter(
        x=[place * factor], y=[score.mean * metric.factor], mode="markers",
        name=variant.name, legendgroup=variant.group,
        error_y={**whisker, "array": [score.sd * metric.factor]} if score.sd else None,
        error_x=to_p95 if above else None,
        marker={
            "color": variant.color, "symbol": variant.symbol,
            "line": {"width": 1, "color": THEMES[theme].background},
            "size": max(_LARGEST_DOT_PX * math.sqrt(share), _SMALLEST_DOT_PX),
        },
        hovertemplate=hover(lines, heading="%{fullData.name}"),
    )


def _reading_notes(dots: Sequence[_Dot], x: Cost, *, moved: bool) -> list[str]:
    notes = ["Dot area: parameters."]
    if moved:
        notes.append("Equal costs stand side by side.")
    if any(dot.score.sd for dot in dots):
        notes.append("Bars up and down: one standard deviation over seeds.")
    rows = [dot.latency for dot in dots if dot.latency is not None]
    if x == "latency":
        notes.append("Whisker to the right: p95.")
        places = {(row.machine, row.provider) for row in rows}
        if len(places) > 1:
            notes.append("Measured on different machines or providers: compare latencies with care.")
        else:
            machine, provider = places.pop()
            notes.append(f"Measured on {plain_name(machine, 80)}, {plain_name(provider)}.")
    return [" ".join(notes)]


def _left_out(count: int, conditions: str) -> list[str]:
    if not count:
        return []
    variants_are = "variant is" if count == 1 else "variants are"
    return [f"{count} {variants_are} left out: no ONNX latency at {conditions}."]


def _threads(threads: int) -> str:
    return f"{threads} thread{'' if threads == 1 else 's'}"
