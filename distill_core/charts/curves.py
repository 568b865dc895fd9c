"""Finished training curves: each variant's mean over seeds with its band, the teacher as a line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import plotly.graph_objects as go

from distill_core.charts.buckets import curve_bucket
from distill_core.charts.style import Theme, add_caption, apply_style, empty_figure, faint, hover
from distill_core.charts.variants import Spread, Variant, choose, spread, variants
from distill_core.rows import EpochRow, RunRow

Metric = Literal["validation_accuracy", "validation_nll", "train_loss"]


@dataclass(frozen=True)
class _Reading:
    """How a metric is shown: axis, factor to its shown unit, number format, unit behind the number."""

    axis: str
    label: str
    factor: float
    digits: str
    unit: str


_READINGS: dict[Metric, _Reading] = {
    "validation_accuracy": _Reading("Validation accuracy", "accuracy", 100.0, ".1f", "%"),
    "validation_nll": _Reading("Validation NLL (nats)", "NLL", 1.0, ".3f", ""),
    "train_loss": _Reading("Training loss (nats; comparable only for equal terms)", "loss", 1.0, ".3f", ""),
}


def curves(
    runs: Sequence[RunRow], epochs: Iterable[EpochRow], *, theme: Theme, metric: Metric = "validation_accuracy"
) -> go.Figure:
    """A metric by epoch, mean over the seeds of each variant, band from the lowest to the highest seed.

    The teacher is a level line at its best epoch of the same metric, for it trains on a budget of its own; the
    training loss has none. A ring marks each seed's best epoch, the one that was kept.
    """
    points = _by_run(epochs)
    found, notes = choose(variants(runs, theme))
    shown = [variant for variant in found if any(points.get(run.run_id) for run in variant.runs)]
    if not shown:
        return empty_figure("No epoch has finished yet.", theme)
    fig, reading = go.Figure(), _READINGS[metric]
    rivals = [variant for variant in shown if variant.role != "teacher"]
    uneven = False
    for variant in rivals:
        by_epoch = _aggregate(variant, points, metric)
        uneven |= len({aggregate.seeds for aggregate in by_epoch.values()}) > 1
        _add_curve(fig, variant, by_epoch, reading)
        _add_best(fig, variant, points, metric, reading)
    for variant in shown:
        if variant.role == "teacher":
            _add_teacher(fig, variant, points, metric, reading, alone=not rivals)
    fig.update_xaxes(title_text="Epoch", rangemode="tozero")
    fig.update_yaxes(title_text=reading.axis, ticksuffix=reading.unit, range=_close_up(fig))
    fig.update_layout(height=400)
    close_up = fig.layout.yaxis.range is not None
    add_caption(fig, _reading_notes(rivals, metric, uneven=uneven, close_up=close_up) + notes)
    return apply_style(fig, theme)


def _reading_notes(
    rivals: Sequence[Variant], metric: Metric, *, uneven: bool, close_up: bool
) -> list[str]:
    notes = []
    if any(len(variant.runs) > 1 for variant in rivals):
        notes.append("Line: mean over seeds. Band: lowest to highest seed.")
    if rivals and metric != "train_loss":
        notes.append("Ring: the epoch that was kept, one a seed.")
    if close_up:
        notes.append("Close-up: double-click shows the first epochs too.")
    if uneven:
        notes.append("Some seeds stopped earlier; from there on the mean is over those that went on.")
    return notes


def _close_up(fig: go.Figure) -> list[float] | None:
    """The range of values after the first fifth of the epochs, where rivals differ; None to show everything."""
    points = [(x, y) for trace in fig.data for x, y in zip(trace.x, trace.y, strict=True) if math.isfinite(y)]
    start = 0.2 * max((x for x, _ in points), default=0)
    late = [y for x, y in points if x >= start]
    if len(points) < 10 or not late or max(late) == min(late):
        return None
    margin = 0.06 * (max(late) - min(late))
    low, high = min(late) - margin, max(late) + margin
    everything = [y for _, y in points]
    return [low, high] if min(everything) < low or max(everything) > high else None


def _by_run(epochs: Iterable[EpochRow]) -> dict[str, dict[int, EpochRow]]:
    """Epochs by run, in order; what a resumed run told again replaces what it told first."""
    result: dict[str, dict[int, EpochRow]] = {}
    for point in epochs:
        result.setdefault(point.run_id, {})[point.epoch] = point
    return {run_id: dict(sorted(by_epoch.items())) for run_id, by_epoch in result.items()}


def _aggregate(variant: Variant, points: Mapping[str, Mapping[int, EpochRow]], metric: Metric) -> dict[int, Spread]:
    values: dict[int, list[float]] = {}
    for run in variant.runs:
        for epoch, point in points.get(run.run_id, {}).items():
            values.setdefault(epoch, []).append(float(getattr(point, metric)))
    found = ((epoch, spread(some)) for epoch, some in sorted(values.items()))
    return {epoch: aggregate for epoch, aggregate in found if aggregate is not None}


def _add_curve(fig: go.Figure, variant: Variant, by_epoch: Mapping[int, Spread], reading: _Reading) -> None:
    def bucketed(part: Literal["mean", "low", "high"]) -> tuple[list[float], list[float]]:
        kept = curve_bucket([(epoch, getattr(value, part) * reading.factor) for epoch, value in by_epoch.items()])
        return [x for x, _ in kept], [y for _, y in kept]

    if any(value.seeds > 1 for value in by_epoch.values()):
        (low_x, low_y), (high_x, high_y) = bucketed("low"), bucketed("high")
        fig.add_scatter(
            x=high_x + low_x[::-1], y=high_y + low_y[::-1], fill="toself", fillcolor=faint(variant.color, 0.13),
            mode="lines", line_width=0, hoverinfo="skip", showlegend=False, legendgroup=variant.group,
        )
    x, y = bucketed("mean")
    details = [
        [f"{by_epoch[int(epoch)].low * reading.factor:{reading.digits}}{reading.unit} to "
         f"{by_epoch[int(epoch)].high * reading.factor:{reading.digits}}{reading.unit}", by_epoch[int(epoch)].seeds]
        for epoch in x
    ]
    lines = [("epoch", "%{x}"), (reading.label, f"%{{y:{reading.digits}}}{reading.unit}")]
    if len(variant.runs) > 1:
        lines += [("range", "%{customdata[0]}"), ("seeds", "%{customdata[1]}")]
    fig.add_scatter(
        x=x, y=y, customdata=details, name=variant.name, legendgroup=variant.group,
        mode="lines" if len(x) > 1 else "markers", line={"color": variant.color, "dash": variant.dash, "width": 2},
        marker={"color": variant.color, "symbol": variant.symbol, "size": 8},
        hovertemplate=hover(lines, heading="%{fullData.name}"),
    )


def _add_best(
    fig: go.Figure, variant: Variant, points: Mapping[str, Mapping[int, EpochRow]], metric: Metric, reading: _Reading
) -> None:
    """Rings at the kept epochs; the training loss chooses nothing, so it has none."""
    if metric == "train_loss":
        return
    kept = [(run.seed, best) for run in variant.runs if (best := _best(run, points.get(run.run_id, {}))) is not None]
    if not kept:
        return
    value = f"%{{y:{reading.digits}}}{reading.unit}"
    fig.add_scatter(
        x=[point.epoch for _, point in kept], y=[getattr(point, metric) * reading.factor for _, point in kept],
        customdata=[seed for seed, _ in kept], mode="markers", name=variant.name, legendgroup=variant.group,
        showlegend=False, marker={"symbol": "circle-open", "size": 7, "color": variant.color, "line_width": 1.5},
        hovertemplate=hover(
            [("kept epoch", "%{x}"), (reading.label, value), ("seed", "%{customdata}")], heading="%{fullData.name}"
        ),
    )


def _best(run: RunRow, by_epoch: Mapping[int, EpochRow]) -> EpochRow | None:
    if run.best_epoch is not None:
        return by_epoch.get(run.best_epoch)
    return next((point for point in reversed(list(by_epoch.values())) if point.best), None)


def _add_teacher(
    fig: go.Figure, variant: Variant, points: Mapping[str, Mapping[int, EpochRow]], metric: Metric, reading: _Reading,
    *, alone: bool,
) -> None:
    """A level line beside students; its own curve where there are none."""
    if alone:
        _add_curve(fig, variant, _aggregate(variant, points, metric), reading)
        _add_best(fig, variant, points, metric, reading)
        return
    best = _best(variant.first, points.get(variant.first.run_id, {}))
    value = float("nan") if best is None else float(getattr(best, metric))
    if metric == "train_loss" or not math.isfinite(value):
        return
    end, y = max(max(trace.x) for trace in fig.data), value * reading.factor
    fig.add_scatter(
        x=[0, end / 2, end], y=[y, y, y], mode="lines", name=variant.name, legendgroup=variant.group,
        line={"color": variant.color, "dash": variant.dash, "width": 1.5}, legendrank=1,
        hovertemplate=hover([("best", f"%{{y:{reading.digits}}}{reading.unit}")], heading="%{fullData.name}"),
    )
