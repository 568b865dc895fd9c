"""Accuracy against one setting that was varied: a ring a seed, the means joined, the student alone as a level."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

import plotly.graph_objects as go

from distill_core.charts.style import (
    BLUE,
    THEMES,
    VERMILLION,
    Theme,
    add_caption,
    apply_style,
    empty_figure,
    hover,
)
from distill_core.evaluation.verdict import t_interval
from distill_core.language import _


def mixtures(
    scores: Mapping[str, Mapping[int, float]], *, title: str, theme: Theme, alone: Mapping[int, float] | None = None,
    seed: int | None = None, chosen: str | None = None,
) -> go.Figure:
    """`scores` has, by the setting's value as it is shown, the accuracy in 0..1 of each seed, in the order of the axis.

    `seed` shows that one alone; `chosen` is the value to stand out.
    """
    kept = {value: _kept(found, seed) for value, found in scores.items()}
    kept = {value: found for value, found in kept.items() if found}
    if not kept:
        return empty_figure(_("No student of this experiment has been tested yet."), theme)
    fig = go.Figure()
    values = list(kept)
    means = [100 * fmean(found.values()) for found in kept.values()]
    intervals = [t_interval(list(found.values())) for found in kept.values()]
    rings = [(value, one, 100 * score) for value, found in kept.items() for one, score in found.items()]
    if len(rings) > len(values):
        fig.add_scatter(
            x=[value for value, _seed, _score in rings], y=[score for _value, _seed, score in rings],
            customdata=[one for _value, one, _score in rings], mode="markers", showlegend=False,
            marker={"symbol": "circle-open", "size": 8, "color": BLUE, "line_width": 1.2},
            hovertemplate=hover([(_("seed"), "%{customdata}"), (_("accuracy"), "%{y:.1f}%")], heading="%{x}"),
        )
    high = [100 * found[1] - mean if found else 0.0 for found, mean in zip(intervals, means, strict=True)]
    low = [mean - 100 * found[0] if found else 0.0 for found, mean in zip(intervals, means, strict=True)]
    fig.add_scatter(
        x=values, y=means, mode="lines+markers", showlegend=False, line={"color": BLUE, "width": 2},
        marker={
            "symbol": "diamond", "color": BLUE, "size": [18 if value == chosen else 11 for value in values],
            "line": {"color": THEMES[theme].text, "width": [2 if value == chosen else 0 for value in values]},
        },
        error_y={"type": "data", "symmetric": False, "array": high, "arrayminus": low, "color": BLUE, "width": 5},
        hovertemplate=hover([(_("mean"), "%{y:.1f}%")], heading="%{x}"),
    )
    if found := _kept(alone or {}, seed):
        level = 100 * fmean(found.values())
        fig.add_hline(
            y=level, line={"color": VERMILLION, "dash": "dash", "width": 2},
            annotation={
                "text": _("alone {percent}").format(percent=f"{level:.1f}%"), "xanchor": "right",
                "font": {"color": THEMES[theme].text},
            },
        )
    fig.update_xaxes(title_text=title, type="category")
    fig.update_yaxes(title_text=_("Test accuracy"), ticksuffix="%")
    fig.update_layout(height=340)
    add_caption(fig, [_("Rings: one seed each. Diamonds: mean with its 95% interval. Dashed: the student alone.")])
    return apply_style(fig, theme)


def _kept(found: Mapping[int, float], seed: int | None) -> dict[int, float]:
    return {one: score for one, score in found.items() if seed is None or one == seed}
