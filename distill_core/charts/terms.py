"""What a student listens to: the share of each weighted loss term, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import plotly.graph_objects as go

from distill_core.charts.names import display_name
from distill_core.charts.style import (
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    Theme,
    add_caption,
    apply_style,
    empty_figure,
    faint,
    hover,
)
from distill_core.rows import EpochRow

# Not the colours of teacher, baseline and student: a term is none of them.
_TERM_COLOURS = (ORANGE, SKY, PURPLE, GREEN, GREY, VERMILLION)


def terms(epochs: Iterable[EpochRow], *, theme: Theme, titles: Mapping[str, str] | None = None) -> go.Figure:
    """Shares of the weighted terms of one run, stacked to 100 percent; raw values in the hover text.

    `titles` names the terms by their catalogue names. A term that can be negative counts by its size. Epochs
    whose loss is not finite are left out and counted.
    """
    by_epoch = {point.epoch: point for point in epochs if point.weighted_terms}
    usable = [point for _, point in sorted(by_epoch.items()) if _total(point) > 0 and math.isfinite(_total(point))]
    if not usable:
        return empty_figure("No epoch with loss terms has finished yet.", theme)
    names = list(dict.fromkeys(name for point in usable for name in point.weighted_terms))
    fig = go.Figure()
    for number, name in enumerate(names):
        share = [("epoch", "%{x}"), ("share", "%{y:.1f}%")]
        values = [("weighted", "%{customdata[0]}"), ("raw", "%{customdata[1]}")]
        colour = _TERM_COLOURS[number % len(_TERM_COLOURS)]
        weighted = [point.weighted_terms.get(name, 0.0) for point in usable]
        fig.add_scatter(
            x=[point.epoch for point in usable],
            y=[abs(value) / _total(point) * 100 for value, point in zip(weighted, usable, strict=True)],
            customdata=[
                [f"{value:.4g}", f"{point.raw_terms[name]:.4g}" if name in point.raw_terms else "not kept"]
                for value, point in zip(weighted, usable, strict=True)
            ],
            name=display_name((titles or {}).get(name, name)), stackgroup="terms", mode="lines",
            line={"color": colour, "width": 1.5}, fillcolor=faint(colour, 0.45),
            hovertemplate=hover(share + values, heading="%{fullData.name}"),
        )
    if len(usable) == 1:
        # One epoch has no width to fill.
        fig.update_traces(mode="lines+markers")
    notes = ["One term: it is all of the loss."] if len(names) == 1 else []
    left_out = len(by_epoch) - len(usable)
    if left_out:
        notes.append(f"{left_out} {'epoch' if left_out == 1 else 'epochs'} without a finite loss left out.")
    fig.update_xaxes(title_text="Epoch")
    fig.update_yaxes(title_text="Share of the loss", ticksuffix="%", range=[0, 100])
    fig.update_layout(height=320)
    add_caption(fig, notes)
    return apply_style(fig, theme)


def _total(point: EpochRow) -> float:
    return sum(abs(value) for value in point.weighted_terms.values())
