"""How a sweep went: each trial in its order, and the best there was by then."""

from __future__ import annotations

import plotly.graph_objects as go

from distill_core.charts.style import BLUE, GREY, THEMES, VERMILLION, Theme, apply_style, empty_figure, seen_on
from distill_core.charts.sweep_figures import figure_title, metric_of, reading, told_of
from distill_core.charts.sweep_map import add_notes
from distill_core.language import _
from distill_core.sweep_rows import SweepResults


def best_so_far(results: SweepResults, *, theme: Theme) -> go.Figure:
    """Mean validation figure by number of trial, its running best among those that keep to the limits as a step line,
    and the best student alone as a dotted level."""
    metric = metric_of(results)
    dots = [
        (trial, found) for trial in results.trials if (found := reading(trial, "validation", metric)) is not None
    ]
    if not dots:
        return empty_figure(_("No trial has finished a run yet."), theme)
    fig = go.Figure()
    grey, blue = seen_on(theme, GREY), seen_on(theme, BLUE)
    fig.add_scatter(
        x=[trial.number + 1 for trial, _found in dots], y=[found.value for _trial, found in dots], mode="markers",
        name=_("trials"), marker={
            "color": grey, "size": 8, "symbol": ["x" if trial.limits_broken else "circle" for trial, _found in dots],
        },
        hovertext=[told_of(trial, results) for trial, _found in dots], hovertemplate="%{hovertext}<extra></extra>",
        customdata=[trial.number for trial, _found in dots],
    )
    x: list[int] = []
    y: list[float] = []
    for trial, found in dots:
        if not trial.limits_broken and (not y or found.value > y[-1]):
            x.append(trial.number + 1)
            y.append(found.value)
    if y:
        last = max(trial.number for trial, _found in dots) + 1
        fig.add_scatter(
            x=[*x, last], y=[*y, y[-1]], mode="lines", line={"color": blue, "width": 2.5, "shape": "hv"},
            name=_("best so far"), hoverinfo="skip",
        )
    alone = [one.validation.mean for one in results.alone if one.validation.mean is not None]
    if alone:
        fig.add_hline(
            y=metric.factor * max(alone), line={"color": seen_on(theme, VERMILLION), "dash": "dot", "width": 1.5},
            annotation_text=_("student alone"), annotation_position="bottom right",
            annotation_font_color=THEMES[theme].muted,
        )
    fig.update_xaxes(title_text=_("Trial"), rangemode="tozero", tickformat="d")
    fig.update_yaxes(title_text=figure_title("validation", results))
    fig.update_layout(height=420, uirevision="course")
    notes = [_("The best of many is partly luck: the line also climbs when all trials are equally good.")]
    if any(trial.limits_broken for trial, _found in dots):
        notes.append(_("Crosses break a limit and cannot be the best."))
    add_notes(fig, notes)
    return apply_style(fig, theme)
