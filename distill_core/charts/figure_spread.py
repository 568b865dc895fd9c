"""One figure of every variant: each seed a ring, their mean and its interval."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from distill_core.charts.style import THEMES, Theme, add_caption, apply_style, empty_figure, hover
from distill_core.charts.variants import Variant
from distill_core.evaluation.quality import OverSeeds
from distill_core.language import _

_ROW_PX = 50


def figure_spread(
    found: Sequence[tuple[Variant, OverSeeds]], *, title: str, theme: Theme, factor: float = 1.0, digits: int = 3,
    suffix: str = "",
) -> go.Figure:
    """A row a variant. `title` names the figure and which way is better; shown are values times `factor`."""
    if not found:
        return empty_figure(_("No run has been tested yet."), theme)
    fig = go.Figure()
    for row, (variant, spread) in enumerate(found):
        values = [value * factor for value in spread.values]
        fig.add_scatter(
            x=values, y=[row] * len(values), mode="markers", showlegend=False, name=variant.name,
            customdata=[run.seed for run in variant.runs][: len(values)],
            marker={"symbol": "circle-open", "size": 8, "color": variant.color, "line_width": 1.5},
            hovertemplate=hover([
                (_("seed"), "%{customdata}"), (_("value"), f"%{{x:.{digits}f}}{suffix}"),
            ], heading=variant.name),
        )
        if len(values) > 1:
            _add_mean(fig, row, variant, spread, factor=factor, digits=digits, suffix=suffix)
        fig.add_annotation(
            text=f"<b>{variant.name}</b>", xref="paper", x=0, xanchor="left", y=row - 0.38, yanchor="middle",
            font={"color": THEMES[theme].text, "size": 12},
        )
    fig.update_yaxes(range=[len(found) - 0.45, -0.65], visible=False)
    fig.update_xaxes(title_text=title, ticksuffix=suffix, showgrid=True)
    fig.update_layout(height=80 + _ROW_PX * len(found))
    if any(len(spread.values) > 1 for _variant, spread in found):
        add_caption(fig, [_("Rings: one seed each. Mark and bar: mean and its 95% t interval over seeds.")])
    return apply_style(fig, theme)


def _add_mean(
    fig: go.Figure, row: int, variant: Variant, spread: OverSeeds, *, factor: float, digits: int, suffix: str
) -> None:
    mean = spread.mean * factor
    low, high = (mean if end is None else end * factor for end in (spread.low, spread.high))
    fig.add_scatter(
        x=[mean], y=[row + 0.2], mode="markers", showlegend=False,
        name=_("{variant}, mean").format(variant=variant.name),
        marker={"symbol": variant.symbol, "size": 11, "color": variant.color},
        error_x={
            "type": "data", "symmetric": False, "array": [high - mean], "arrayminus": [mean - low],
            "color": variant.color, "thickness": 2, "width": 5,
        },
        hovertemplate=hover([
            (_("mean"), f"%{{x:.{digits}f}}{suffix}"), (_("interval"), f"{low:.{digits}f} … {high:.{digits}f}{suffix}"),
            (_("seeds"), f"{len(spread.values)}"),
        ], heading=variant.name),
    )
