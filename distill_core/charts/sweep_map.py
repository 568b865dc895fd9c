"""The map of a sweep: two axes, a colour and a number a cell, what waits or was pruned told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from distill_core.charts.heat import AROUND_ZERO, SEQUENTIAL, Scale, Span, colour_at, ink_on, span_of
from distill_core.charts.names import display_name
from distill_core.charts.style import THEMES, VERMILLION, Theme, add_caption, apply_style, empty_figure, faint
from distill_core.charts.sweep_axes import ShownAxis, axes_of, fitting
from distill_core.charts.sweep_figures import (
    STATE_WORDS,
    Figure,
    Reading,
    figure_title,
    is_difference,
    metric_of,
    number,
    reading,
    told_of,
)
from distill_core.language import _, counted
from distill_core.sweep_rows import SweepResults, TrialResult, TrialState, Values

_NO_AXIS = ShownAxis("", "", ("",), ("",), numeric=False, log=False)
CELL_TEXT = "numbers"
"""The name of the trace that holds them, which a page hides where cells are too small."""
_CELL_PX, _LEAST_PX, _MOST_PX = 58, 260, 640
# One sign a state, in the middle of a cell without a number.
SIGNS: dict[TrialState, str] = {"waiting": "·", "training": "…", "refused": "–", "failed": "×", "stopped": "‖"}
_SHADES: dict[TrialState, int] = {"waiting": 0, "training": 1, "stopped": 2, "refused": 3, "failed": 4}


@dataclass(frozen=True)
class _Cell:
    trial: TrialResult
    reading: Reading | None
    x: int
    y: int
    others: int


def sweep_map(
    results: SweepResults, *, x: str, y: str, figure: Figure, theme: Theme, fixed: Mapping[str, Any] | None = None
) -> go.Figure:
    """A cell a combination of the axes `x` and `y`: colour and number are the mean over seeds of `figure`.

    An empty `y` is one row: the map of a sweep with a single axis.
    `fixed` are the values of other axes that trials must have; of several in one cell the best by validation is
    shown. Cells without a figure have the sign of their state. Axes with more values than `MOST_STEPS` have no cells,
    but points at their numbers. `customdata` is the trial's number; `layout.meta["cells"]` has the counts of columns
    and rows and, by number, the places of the cells.
    """
    placed = fitting(results.trials, fixed or {})
    trials = [trial for trial, _values in placed]
    axes = {axis.field: axis for axis in axes_of(results)} | {"": _NO_AXIS}
    if not trials or x not in axes or y not in axes:
        return empty_figure(_("No trial is made yet."), theme)
    span = _span(trials, results, figure)
    if axes[x].stepped and axes[y].stepped:
        fig = _cells(placed, results, axes[x], axes[y], figure, span, theme=theme)
    else:
        fig = _points(trials, results, axes[x], axes[y], figure, span, theme=theme)
    fig.update_layout(uirevision=f"map {x} {y}", showlegend=False, coloraxis=_colours(figure, results, span, theme))
    add_notes(fig, _notes(trials, figure, span))
    return apply_style(fig, theme)


def add_notes(fig: go.Figure, notes: Sequence[str]) -> None:
    """The caption, beside whatever else the figure's meta holds."""
    meta = dict(fig.layout.meta or {})
    add_caption(fig, notes)
    fig.update_layout(meta=meta | dict(fig.layout.meta))


def scale_of(figure: Figure) -> Scale:
    """Around 0 for a gain, else from dark to bright."""
    return AROUND_ZERO if is_difference(figure) else SEQUENTIAL


def _span(trials: Sequence[TrialResult], results: SweepResults, figure: Figure) -> Span:
    metric = metric_of(results)
    known = [found.value for trial in trials if (found := reading(trial, figure, metric)) is not None]
    return span_of(known, around_zero=is_difference(figure))


def _colours(figure: Figure, results: SweepResults, span: Span, theme: Theme) -> dict[str, Any]:
    return {
        "colorscale": [list(one) for one in scale_of(figure)], "cmin": span.low, "cmax": span.high,
        "colorbar": {
            "title": {"text": figure_title(figure, results), "side": "right", "font": {"size": 12}}, "thickness": 12,
            "outlinewidth": 0, "tickfont": {"color": THEMES[theme].muted},
        },
    }


def _cells(
    placed: Sequence[tuple[TrialResult, Sequence[Values]]], results: SweepResults, across: ShownAxis, up: ShownAxis,
    figure: Figure, span: Span, *, theme: Theme,
) -> go.Figure:
    cells, fig = _placed(placed, results, across, up, figure), go.Figure()
    columns, rows = len(across.values), len(up.values)

    def heat(some: Sequence[_Cell], value_of: Any, **look: Any) -> None:
        here = {(cell.x, cell.y): cell for cell in some}

        def table(of: Any) -> list[list[Any]]:
            return [[of(here[i, j]) if (i, j) in here else None for i in range(columns)] for j in range(rows)]

        fig.add_heatmap(
            z=table(value_of), customdata=table(lambda cell: cell.trial.number), xgap=2, ygap=2, hoverongaps=False,
            hovertext=table(lambda cell: told_of(cell.trial, results, more=cell.others)),
            hovertemplate="%{hovertext}<extra></extra>", **look,
        )

    heat(
        [cell for cell in cells if cell.reading is None], lambda cell: _SHADES.get(cell.trial.state, 0), name="state",
        colorscale=_shades(theme), zmin=0, zmax=max(_SHADES.values()), showscale=False,
    )
    heat(
        [cell for cell in cells if cell.reading is not None], lambda cell: cell.reading.value,
        coloraxis="coloraxis", name=figure_title(figure, results),
    )
    fig.add_scatter(
        x=[cell.x for cell in cells], y=[cell.y for cell in cells], mode="text", name=CELL_TEXT, hoverinfo="skip",
        text=[_cell_text(cell, results, figure) for cell in cells],
        textfont={"size": 13, "color": [_ink(cell, figure, span, theme) for cell in cells]},
    )
    fig.update_xaxes(**_steps(across))
    fig.update_yaxes(**_steps(up), showgrid=False)
    best = next((cell for cell in cells if cell.trial.number == results.best), None)
    if best is not None:
        ink = THEMES[theme].text
        fig.add_shape(
            type="rect", x0=best.x - 0.5, x1=best.x + 0.5, y0=best.y - 0.5, y1=best.y + 0.5,
            line={"color": ink, "width": 3},
        )
    places = {str(cell.trial.number): [cell.x, cell.y] for cell in cells}
    fig.update_layout(
        height=min(_MOST_PX, max(_LEAST_PX, 90 + _CELL_PX * rows)),
        meta={
            "cells": {"columns": columns, "rows": rows, "text": CELL_TEXT, "places": places}, "ink": THEMES[theme].text,
        },
    )
    return fig


def _placed(
    placed: Sequence[tuple[TrialResult, Sequence[Values]]], results: SweepResults, across: ShownAxis, up: ShownAxis,
    figure: Figure,
) -> list[_Cell]:
    """A cell for each place that has a trial; of several, the best by validation, so that the map hides no success.

    Those that keep to the limits go first: only of them one can be the best of all.
    """
    metric = metric_of(results)
    by_place: dict[tuple[int, int], list[TrialResult]] = {}
    for trial, combinations in placed:
        known = [told for told in ({"": "", **one} for one in combinations) if {across.field, up.field} <= told.keys()]
        # Combinations that differ in other axes alone have one place.
        for place in {(across.place(told[across.field]), up.place(told[up.field])) for told in known}:
            by_place.setdefault(place, []).append(trial)
    cells = []
    for (i, j), here in by_place.items():
        first = max(here, key=_worth)
        cells.append(_Cell(first, reading(first, figure, metric), i, j, len(here) - 1))
    return cells


def _worth(trial: TrialResult) -> tuple[bool, bool, float]:
    mean = trial.validation.mean
    return mean is not None, not trial.limits_broken, mean or 0.0


def _cell_text(cell: _Cell, results: SweepResults, figure: Figure) -> str:
    trial = cell.trial
    if cell.reading is None:
        done = f" {trial.progress:.0%}" if trial.state == "training" and trial.progress else ""
        return f"{SIGNS.get(trial.state, '')}{done}"
    text = number(cell.reading.value, figure, metric_of(results))
    low, high = cell.reading.low, cell.reading.high
    if is_difference(figure) and low is not None and high is not None and (low > 0 or high < 0):
        text = f"<b>{text}</b>"
    planned = len(results.row.spec.base.seeds)
    if trial.number == results.best:
        return f"{text}<br><b>{_('best')}</b>"
    if trial.state == "pruned":
        return f"{text}<br>{_('pruned')}"
    if cell.reading.seeds < planned:
        return f"{text}<br>{cell.reading.seeds}/{planned}"
    return text


def _ink(cell: _Cell, figure: Figure, span: Span, theme: Theme) -> str:
    if cell.reading is None:
        return THEMES[theme].text
    return ink_on(colour_at(scale_of(figure), span.place(cell.reading.value)))


def _shades(theme: Theme) -> list[list[Any]]:
    """A flat shade a state, in the order of `_SHADES`."""
    colours = THEMES[theme]
    shades = [
        faint(colours.muted, 0.10), faint("#0072B2", 0.30), faint(colours.muted, 0.30), faint(colours.muted, 0.30),
        faint(VERMILLION, 0.30),
    ]
    last = len(shades) - 1
    return [[place / last, shade] for place, shade in enumerate(shades)]


def _steps(axis: ShownAxis) -> dict[str, Any]:
    count = len(axis.values)
    words = [display_name(word, 18) for word in axis.words]
    return {
        "title_text": axis.title, "tickvals": list(range(count)), "ticktext": words, "range": [-0.5, count - 0.5],
        "showline": False,
    }


def _points(
    trials: Sequence[TrialResult], results: SweepResults, across: ShownAxis, up: ShownAxis, figure: Figure, span: Span,
    *, theme: Theme,
) -> go.Figure:
    """Where an axis has a range: a point a trial; a ring for those without a figure."""
    metric, fig = metric_of(results), go.Figure()
    known = [(trial, found) for trial in trials if (found := reading(trial, figure, metric)) is not None]
    pending = [trial for trial in trials if reading(trial, figure, metric) is None]

    def at(axis: ShownAxis, trial: TrialResult) -> Any:
        return float(trial.values[axis.field]) if axis.numeric else axis.place({"": "", **trial.values}[axis.field])

    def marks(some: Sequence[TrialResult], **marker: Any) -> dict[str, Any]:
        return {
            "x": [at(across, trial) for trial in some], "y": [at(up, trial) for trial in some], "mode": "markers",
            "hovertext": [told_of(trial, results) for trial in some], "hovertemplate": "%{hovertext}<extra></extra>",
            "customdata": [trial.number for trial in some], "marker": marker,
        }

    if pending:
        fig.add_scatter(
            name=_("without a figure"),
            **marks(pending, size=11, symbol="circle-open", color=THEMES[theme].muted, line={"width": 1.5}),
        )
    best = [trial.number == results.best for trial, _found in known]
    fig.add_scatter(name=figure_title(figure, results), **marks(
        [trial for trial, _found in known], color=[found.value for _trial, found in known], coloraxis="coloraxis",
        size=[19 if one else 13 for one in best], symbol=["star" if one else "circle" for one in best],
        line={"width": 1, "color": THEMES[theme].text},
    ))
    for axis, update in ((across, fig.update_xaxes), (up, fig.update_yaxes)):
        update(**(
            {"title_text": axis.title, "showgrid": True} | ({"type": "log"} if axis.log else {}) if axis.numeric
            else _steps(axis)
        ))
    fig.update_layout(height=440)
    return fig


def _notes(trials: Sequence[TrialResult], figure: Figure, span: Span) -> list[str]:
    notes = [_("Colour and number: mean over seeds.")]
    if is_difference(figure):
        notes.append(_("Blue: better than the student alone; bold: its 95% interval leaves out 0."))
    if span.cut_low or span.cut_high:
        notes.append(_("Outliers have the colour of the scale's end."))
    without = {trial.state for trial in trials if trial.validation.mean is None}
    signs = [
        _("{sign} {state}").format(sign=sign, state=_(STATE_WORDS[state]))
        for state, sign in SIGNS.items() if state in without
    ]
    if signs:
        notes.append(_("Without a figure: {signs}.").format(signs=_(", ").join(signs)))
    if figure == "gain-low" and any(trial.gain.mean is not None and trial.gain.low is None for trial in trials):
        notes.append(_("An interval needs two seeds; cells with one have none."))
    if any(trial.state == "training" and trial.validation.seeds for trial in trials):
        notes.append(_("2/5: so many of its seeds are done."))
    unsure = sum(trial.state == "pruned" for trial in trials)
    if unsure:
        notes.append(counted(
            "{number} trial was pruned: its mean is of fewer seeds.",
            "{number} trials were pruned: their means are of fewer seeds.", unsure,
        ))
    return notes
