"""Which mistakes distillation made rarer and which more frequent: the difference of two confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from distill_core.charts.names import display_name
from distill_core.charts.style import (
    BLUE,
    SKY,
    THEMES,
    VERMILLION,
    Theme,
    add_caption,
    apply_style,
    empty_figure,
    faint,
)
from distill_core.language import _

_MOST_WITH_NUMBERS, _MOST_CLASSES = 12, 20
_LEAST_SCALE = 0.05


def confusion_change(
    change: NDArray[np.float64], class_names: Sequence[str], *, theme: Theme, title: str = ""
) -> go.Figure:
    """Points of each true class (row) by predicted class (column): more often blue and with a plus, else orange.

    Beyond 20 classes those whose rows changed most. `change`: see evaluation.class_changes.confusion_change.
    Raises ValueError if it does not have a row and a column a class.
    """
    size = len(class_names)
    if change.shape != (size, size):
        raise ValueError(f"the matrix has shape {change.shape}; expected a row and a column for each of {size} classes")
    if not np.isfinite(change).any():
        return empty_figure(_("No run has been tested yet."), theme)
    notes, kept = [], np.arange(size)
    if size > _MOST_CLASSES:
        kept = np.argsort(-np.nan_to_num(np.abs(change).sum(axis=1)), kind="stable")[:_MOST_CLASSES]
        notes.append(_("The {shown} of {count} classes whose answers changed most.").format(
            shown=_MOST_CLASSES, count=f"{size:,}"
        ))
    part = change[np.ix_(kept, kept)]
    names = [display_name(class_names[int(index)], 16) for index in kept]
    more, less = SKY if theme == "dark" else BLUE, VERMILLION
    numbered = len(kept) <= _MOST_WITH_NUMBERS
    fig = go.Figure()
    own = np.eye(len(kept), dtype=bool)
    scales = []
    # A scale each, for beside what a class gains as a whole its single confusions could not be seen.
    for cells in (own, ~own):
        chosen = np.where(cells, part, np.nan)
        most = max(_LEAST_SCALE, float(np.nanmax(np.abs(chosen)))) if np.isfinite(chosen).any() else _LEAST_SCALE
        scales.append(f"{100 * most:.0f}")
        fig.add_heatmap(
            z=[[None if np.isnan(one) else float(one) for one in row] for row in chosen],
            customdata=[[[true, taken] for taken in names] for true in names],
            text=[[_number(one) for one in row] for row in chosen] if numbered else None,
            texttemplate="%{text}" if numbered else None, textfont={"size": 11, "color": THEMES[theme].text},
            zmin=-most, zmax=most, showscale=False, xgap=1, ygap=1, hoverongaps=False,
            colorscale=[[0, faint(less, 0.6)], [0.5, faint(THEMES[theme].muted, 0.04)], [1, faint(more, 0.6)]],
            hovertemplate=f"<b>{_('true')} %{{customdata[0]}}</b><br>{_('taken for')} %{{customdata[1]}}<br>"
            "%{z:+.1%}<extra></extra>",
        )
    look = {"showgrid": False, "showline": False}
    fig.update_xaxes(
        title_text=_("Predicted class"), side="bottom", constrain="domain", tickvals=list(range(len(names))),
        ticktext=names, **look,
    )
    fig.update_yaxes(
        title_text=_("True class"), range=[len(names) - 0.5, -0.5], scaleanchor="x", constrain="domain",
        constraintoward="top", tickvals=list(range(len(names))), ticktext=names, **look,
    )
    fig.update_layout(height=500 if numbered else 620)
    if title:
        fig.update_layout(title_text=display_name(title, 48), margin_t=40)
    notes.append(_(
        "Points of the row, mean over seeds. Plus, blue: more often than alone; minus, orange: less often. On the "
        "diagonal plus is better, beside it minus. Full colour at {own} points on the diagonal, {other} beside it."
    ).format(own=scales[0], other=scales[1]))
    add_caption(fig, notes)
    return apply_style(fig, theme)


def _number(change: float) -> str:
    """Points for a cell; nothing for what rounds to nothing."""
    return "" if np.isnan(change) or abs(change) < 0.0005 else f"{100 * change:+.1f}"
