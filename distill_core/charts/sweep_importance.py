"""How much each axis of a sweep matters, as bars."""

from __future__ import annotations

import plotly.graph_objects as go

from distill_core.charts.style import BLUE, THEMES, Theme, add_caption, apply_style, hover, seen_on
from distill_core.charts.sweep_axes import axis_title
from distill_core.language import _, counted, told
from distill_core.sweep_rows import Importance

# Below so many trials an axis the shares are little more than chance.
FEW_TRIALS_AN_AXIS = 10
_ROW_PX = 46


def importance_bars(importance: Importance, *, theme: Theme) -> go.Figure:
    """A bar an axis, the most important on top; the caption tells how many trials are behind it and what that means."""
    shares = sorted(importance.shares.items(), key=lambda one: one[1])
    fig = go.Figure()
    fig.add_bar(
        x=[100 * share for _field, share in shares], y=list(range(len(shares))), orientation="h",
        marker={"color": seen_on(theme, BLUE)}, width=0.6, name=_("importance"),
        text=[f"{share:.0%}" for _field, share in shares], textposition="outside", cliponaxis=False,
        textfont={"color": THEMES[theme].text},
        hovertemplate=[
            hover([(_("share"), f"{share:.1%}")], heading=axis_title(field)) for field, share in shares
        ],
    )
    fig.update_xaxes(title_text=_("Share of the differences in the validation figure (%)"), range=[0, 108])
    fig.update_yaxes(
        tickvals=list(range(len(shares))), ticktext=[axis_title(field) for field, _share in shares], showgrid=False,
    )
    fig.update_layout(height=90 + _ROW_PX * len(shares), showlegend=False)
    notes = [
        counted("From {number} trial.", "From {number} trials.", importance.trials),
        _("Method: {method}.").format(method=told(importance.evaluator)),
        _("It tells how much an axis moved the figure within the values tried here, not which value is good."),
    ]
    if importance.trials < FEW_TRIALS_AN_AXIS * len(shares):
        notes.insert(1, _("That is few for so many axes: with other trials the order may well change."))
    add_caption(fig, notes)
    return apply_style(fig, theme)
