"""The reliability diagram: how often networks are right at each confidence, and how many samples that rests on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from distill_core.charts.style import THEMES, Theme, add_caption, apply_style, empty_figure, hover
from distill_core.charts.variants import Variant
from distill_core.evaluation.quality import Reliability
from distill_core.language import _

_LEAST = 10
"""Below so many samples a bin's share is little more than chance, and is drawn hollow."""


def reliability(found: Sequence[tuple[Variant, Reliability]], *, theme: Theme) -> go.Figure:
    """A line a variant against the diagonal of perfect calibration; below it how many samples each bin has."""
    if not found:
        return empty_figure(_("Choose at least one variant."), theme)
    fig = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.06)
    fig.add_scatter(
        x=[0, 100], y=[0, 100], mode="lines", name=_("as sure as right"), hoverinfo="skip",
        line={"color": THEMES[theme].muted, "dash": "dot", "width": 1}, row=1, col=1,
    )
    for variant, bins in found:
        _add_line(fig, variant, bins)
        edges = np.linspace(0, 100, len(bins.counts) + 1)
        fig.add_scatter(
            x=edges, y=[*bins.counts, bins.counts[-1]], mode="lines", showlegend=False, legendgroup=variant.group,
            line={"color": variant.color, "dash": variant.dash, "width": 1.5, "shape": "hv"}, hoverinfo="skip",
            row=2, col=1,
        )
    fig.update_yaxes(title_text=_("Share right"), range=[0, 104], ticksuffix="%", row=1, col=1)
    fig.update_yaxes(title_text=_("Samples"), type="log", nticks=4, row=2, col=1)
    fig.update_xaxes(range=[0, 103], ticksuffix="%", showgrid=True)
    fig.update_xaxes(title_text=_("Confidence: the probability of the named class"), row=2, col=1)
    fig.update_layout(height=560)
    bins_count = len(found[0][1].counts)
    add_caption(fig, [_(
        "{bins} bins of equal width; below the diagonal a network is surer than it is right. Hollow: fewer than "
        "{least} samples, so hardly more than chance. All seeds of a variant are pooled; samples are counted on a "
        "logarithmic axis."
    ).format(bins=bins_count, least=_LEAST)])
    return apply_style(fig, theme)


def _add_line(fig: go.Figure, variant: Variant, bins: Reliability) -> None:
    kept = np.flatnonzero(bins.counts)
    edges = np.linspace(0, 100, len(bins.counts) + 1)
    details = [[f"{edges[place]:.0f}–{edges[place + 1]:.0f}%", f"{bins.counts[place]:,}"] for place in kept]
    few = bins.counts[kept] < _LEAST
    fig.add_scatter(
        x=100 * bins.confidence[kept], y=100 * bins.right[kept], customdata=details, mode="lines+markers",
        name=variant.name, legendgroup=variant.group, line={"color": variant.color, "dash": variant.dash, "width": 2},
        marker={
            "symbol": [f"{variant.symbol}-open" if one else variant.symbol for one in few], "size": 8,
            "color": variant.color,
        },
        hovertemplate=hover([
            (_("bin"), "%{customdata[0]}"), (_("confidence"), "%{x:.1f}%"), (_("right"), "%{y:.1f}%"),
            (_("samples"), "%{customdata[1]}"),
        ], heading=variant.name),
        row=1, col=1,
    )
