"""Where student and teacher are not both right: who of the two is, and whether they make the same mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import plotly.graph_objects as go

from distill_core.charts.style import (
    BLUE,
    GREY,
    ORANGE,
    PURPLE,
    THEMES,
    Theme,
    add_caption,
    apply_style,
    empty_figure,
    hover,
    seen_on,
)
from distill_core.charts.variants import Variant
from distill_core.evaluation.fidelity import Fidelity
from distill_core.language import _, marked

_PARTS = (
    ("only_student", marked("only the student right"), BLUE, ""),
    ("only_teacher", marked("only the teacher right"), ORANGE, "/"),
    ("same_mistake", marked("the same mistake"), GREY, "x"),
    ("other_mistake", marked("both wrong, differently"), PURPLE, "."),
)
_ROW_PX = 58


def fidelity(found: Sequence[tuple[Variant, Sequence[Fidelity]]], *, theme: Theme) -> go.Figure:
    """A bar a variant, shares of all samples, mean over seeds; what is left to 100% both get right."""
    if not found:
        return empty_figure(_("No student has been tested beside the teacher yet."), theme)
    fig = go.Figure()
    for row, (variant, each) in enumerate(found):
        for part, title, colour, pattern in _PARTS:
            count = fmean(_count(one, part) for one in each)
            share = 100 * fmean(_count(one, part) / one.total for one in each)
            fig.add_bar(
                y=[row], x=[share], orientation="h", width=0.5, legendgroup=part, showlegend=False,
                # The table of the chart's numbers names its rows by it.
                name=f"{variant.name}: {_(title)}",
                marker=_look(colour, pattern, theme),
                hovertemplate=hover([
                    (_("share"), "%{x:.1f}%"), (_("samples"), f"{count:,.1f}"),
                ], heading=f"{variant.name}: {_(title)}"),
            )
    for part, title, colour, pattern in _PARTS:
        fig.add_bar(
            y=[None], x=[None], orientation="h", legendgroup=part, name=_(title), hoverinfo="skip",
            marker=_look(colour, pattern, theme),
        )
    for row, (variant, _each) in enumerate(found):
        fig.add_annotation(
            text=f"<b>{variant.name}</b>", xref="paper", x=0, xanchor="left", y=row - 0.42, yanchor="middle",
            font={"color": THEMES[theme].text, "size": 12},
        )
    fig.update_layout(barmode="stack", height=120 + _ROW_PX * len(found), legend_traceorder="normal")
    fig.update_yaxes(range=[len(found) - 0.5, -0.7], visible=False)
    fig.update_xaxes(title_text=_("Share of the test samples"), ticksuffix="%", showgrid=True, rangemode="tozero")
    add_caption(fig, [_("Mean over seeds. On all other samples both are right.")])
    return apply_style(fig, theme)


def _look(colour: str, pattern: str, theme: Theme) -> dict[str, Any]:
    """A colour and a pattern, for whoever cannot tell the colours apart."""
    shown = seen_on(theme, colour)
    return {
        "color": shown, "line_width": 0,
        "pattern": {
            "shape": pattern, "bgcolor": shown, "fgcolor": THEMES[theme].background, "size": 6, "solidity": 0.3,
        },
    }


def _count(one: Fidelity, part: str) -> int:
    if part == "other_mistake":
        return one.both_wrong - one.same_mistake
    return int(getattr(one, part))
