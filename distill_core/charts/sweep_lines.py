"""Parallel coordinates of a sweep: every trial a line over its settings and what came of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from distill_core.charts import units
from distill_core.charts.heat import SEQUENTIAL, colour_at, span_of
from distill_core.charts.names import display_name
from distill_core.charts.style import THEMES, Theme, apply_style, empty_figure, faint
from distill_core.charts.sweep_axes import ShownAxis, axes_of
from distill_core.charts.sweep_figures import figure_title, metric_of, told_of
from distill_core.charts.sweep_map import add_notes
from distill_core.language import _
from distill_core.sweep_rows import SweepResults, TrialResult

# A trace a shade: Plotly colours a line as a whole, and hundreds of traces would be slow.
_SHADES = 9
_MOST_LABELS, _EVEN_LABELS = 8, 5


@dataclass(frozen=True)
class _Rail:
    """One upright axis: where a trial crosses it, 0 at the foot and 1 at the top, and what stands beside it."""

    title: str
    at: Callable[[TrialResult], float | None]
    labels: Sequence[tuple[float, str]]


def parallel_lines(results: SweepResults, *, theme: Theme) -> go.Figure:
    """A rail an axis, then validation and, where they are objectives, latency, size and parameters.

    Trials with a validation figure are drawn, the brighter the better; the best one is thick. `customdata` is the
    trial's number.
    """
    trials = [trial for trial in results.trials if trial.validation.mean is not None]
    if not trials:
        return empty_figure(_("No trial has finished a run yet."), theme)
    rails = [_axis_rail(axis) for axis in axes_of(results)] + _outcome_rails(trials, results)
    values = [trial.validation.mean or 0.0 for trial in trials]
    span = span_of(values)
    shades: dict[int, list[TrialResult]] = {}
    for trial, value in sorted(zip(trials, values, strict=True), key=lambda one: one[1]):
        shades.setdefault(round(span.place(value) * (_SHADES - 1)), []).append(trial)
    fig = go.Figure()
    for shade, some in sorted(shades.items()):
        _add_lines(fig, some, rails, results, colour=colour_at(SEQUENTIAL, shade / (_SHADES - 1)), width=1.6)
    best = next((trial for trial in trials if trial.number == results.best), None)
    if best is not None:
        _add_lines(fig, [best], rails, results, colour=THEMES[theme].text, width=4)
    _add_rails(fig, rails, theme=theme)
    metric = metric_of(results)
    fig.update_layout(
        height=460, showlegend=False, uirevision="lines", hovermode="closest",
        coloraxis={
            "colorscale": [list(one) for one in SEQUENTIAL], "cmin": metric.factor * span.low,
            "cmax": metric.factor * span.high, "colorbar": {
                "title": {"text": figure_title("validation", results), "side": "right", "font": {"size": 12}},
                "thickness": 12, "outlinewidth": 0, "tickfont": {"color": THEMES[theme].muted},
            },
        },
    )
    notes = [_("A line a trial, coloured by the mean of its validation figure.")]
    if best is not None:
        notes.append(_("Thick: the best so far."))
    missing = len(results.trials) - len(trials)
    add_notes(fig, notes + ([_("Trials without a figure are left out.")] if missing else []))
    return apply_style(fig, theme)


def _axis_rail(axis: ShownAxis) -> _Rail:
    """Numbers at their size, by their logarithm where they spread; names a step each."""
    if axis.numeric:
        scale = _scaled([float(value) for value in axis.values], log=axis.log)
        shown = list(zip(map(float, axis.values), axis.words, strict=True))
        if len(shown) > _MOST_LABELS:
            shown = [(value, f"{value:.3g}") for value in _even(shown[0][0], shown[-1][0], log=axis.log)]
        labels = [(scale(value), word) for value, word in shown]
        return _Rail(axis.title, lambda trial: scale(float(trial.values[axis.field])), labels)
    last = max(1, len(axis.values) - 1)
    labels = [(place / last, word) for place, word in enumerate(axis.words)]
    return _Rail(axis.title, lambda trial: axis.place(trial.values[axis.field]) / last, labels)


def _outcome_rails(trials: Sequence[TrialResult], results: SweepResults) -> list[_Rail]:
    metric = metric_of(results)
    rails = [_outcome(
        trials, figure_title("validation", results), lambda trial: trial.validation.mean,
        lambda value: metric.value(value).removesuffix("%"), log=False,
    )]
    others: tuple[tuple[str, str, Callable[[TrialResult], float | None], Callable[[float], str]], ...] = (
        ("latency", _("Latency p50"), lambda trial: trial.latency_p50_ms, units.milliseconds),
        ("size", _("ONNX file"), lambda trial: trial.size_bytes, units.size),
        ("parameters", _("Parameters"), lambda trial: trial.parameters, units.amount),
    )
    for objective, title, value_of, word_of in others:
        if objective in results.objectives and any(value_of(trial) is not None for trial in trials):
            rails.append(_outcome(trials, title, value_of, word_of, log=True))
    return rails


def _outcome(
    trials: Sequence[TrialResult], title: str, value_of: Callable[[TrialResult], float | None],
    word_of: Callable[[float], str], *, log: bool,
) -> _Rail:
    values = [value for trial in trials if (value := value_of(trial)) is not None]
    low, high = min(values), max(values)
    log = log and low > 0 and high / low > 8
    scale = _scaled(values, log=log)

    def at(trial: TrialResult) -> float | None:
        value = value_of(trial)
        return None if value is None else scale(value)

    ticks = [low, high] if high > low else [low]
    if high > low and not log:
        ticks = [low + (high - low) * part / 4 for part in range(5)]
    return _Rail(title, at, [(scale(value), word_of(value)) for value in ticks])


def _even(low: float, high: float, *, log: bool) -> list[float]:
    """A few numbers from end to end, as far from each other on the rail."""
    parts = [part / (_EVEN_LABELS - 1) for part in range(_EVEN_LABELS)]
    if log and low > 0:
        return [low * (high / low) ** part for part in parts]
    return [low + (high - low) * part for part in parts]


def _scaled(values: Sequence[float], *, log: bool) -> Callable[[float], float]:
    low, high = min(values), max(values)
    if high <= low:
        return lambda value: 0.5
    if log and low > 0:
        return lambda value: math.log(value / low) / math.log(high / low)
    return lambda value: (value - low) / (high - low)


def _add_lines(
    fig: go.Figure, trials: Sequence[TrialResult], rails: Sequence[_Rail], results: SweepResults, *, colour: str,
    width: float,
) -> None:
    x: list[float | None] = []
    y: list[float | None] = []
    texts: list[str] = []
    numbers: list[int | None] = []
    for trial in trials:
        told = told_of(trial, results)
        x += [*map(float, range(len(rails))), None]
        y += [*(rail.at(trial) for rail in rails), None]
        texts += [told] * len(rails) + [""]
        numbers += [trial.number] * len(rails) + [None]
    fig.add_scatter(
        x=x, y=y, mode="lines+markers", line={"color": colour, "width": width}, connectgaps=False,
        marker={"size": 5 if width < 3 else 8, "color": colour}, hovertext=texts, customdata=numbers,
        hovertemplate="%{hovertext}<extra></extra>", opacity=0.85,
    )


def _add_rails(fig: go.Figure, rails: Sequence[_Rail], *, theme: Theme) -> None:
    colours = THEMES[theme]
    for place, rail in enumerate(rails):
        fig.add_shape(
            type="line", x0=place, x1=place, y0=0, y1=1, layer="below", line={"color": colours.axis, "width": 1},
        )
        fig.add_annotation(
            x=place, y=1.06, text=f"<b>{display_name(rail.title, 24)}</b>", showarrow=False, yanchor="bottom",
            textangle=0 if len(rails) < 6 else -12, font={"color": colours.text, "size": 12},
        )
        for at, word in rail.labels:
            last = place == len(rails) - 1
            fig.add_annotation(
                x=place, y=at, text=display_name(word, 16), showarrow=False, xanchor="left" if last else "right",
                xshift=8 if last else -8, font={"color": colours.muted, "size": 11},
                bgcolor=faint(colours.background, 0.8),
            )
    # An invisible mark carries the colour bar.
    fig.add_scatter(
        x=[None], y=[None], mode="markers", hoverinfo="skip",
        marker={"color": [0], "coloraxis": "coloraxis", "size": 0.1},
    )
    fig.update_xaxes(visible=False, range=[-0.45, len(rails) - 0.6])
    fig.update_yaxes(visible=False, range=[-0.06, 1.2])
