"""Linear CKA between the layers of the teacher and of each student: heat maps side by side on one scale."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from distill_core.charts.examined import looks, shown_layer
from distill_core.charts.names import display_name
from distill_core.charts.style import BLUE, SKY, Theme, add_caption, apply_style, empty_figure, faint, hover
from distill_core.examined import Pair, Similarity
from distill_core.language import _, counted
from distill_core.rows import RunRow

_MOST_PAIRS = 3
_ROW_PX = 26


def similarity(found: Similarity, runs: Sequence[RunRow], *, theme: Theme) -> go.Figure:
    """Rows: the teacher's layers from the first to its answer; columns: the student's. Full colour is 1."""
    pairs = found.pairs[:_MOST_PAIRS]
    if not pairs:
        return empty_figure(_("No layers were compared."), theme)
    names = {run_id: look.name for run_id, look in looks(found, runs, theme).items()}
    fig = make_subplots(
        rows=1, cols=len(pairs), shared_yaxes=True, horizontal_spacing=0.04,
        subplot_titles=[names[pair.student] for pair in pairs],
    )
    colour = SKY if theme == "dark" else BLUE
    lines = [(_("teacher"), "%{customdata[0]}"), (_("student"), "%{customdata[1]}"), ("CKA", "%{z:.3f}")]
    for column, pair in enumerate(pairs, start=1):
        rows = [display_name(shown_layer(name), 24) for name in pair.rows]
        columns = [display_name(shown_layer(name), 24) for name in pair.columns]
        fig.add_heatmap(
            z=pair.values, customdata=[[[row, other] for other in columns] for row in rows], zmin=0, zmax=1,
            coloraxis="coloraxis", xgap=1, ygap=1, hoverongaps=False,
            hovertemplate=hover(lines, heading=names[pair.student]), row=1, col=column,
        )
        fig.update_xaxes(tickvals=list(range(len(columns))), ticktext=columns, tickangle=90, showline=False,
                         row=1, col=column)
        fig.update_yaxes(tickvals=list(range(len(rows))), ticktext=rows, autorange="reversed", showgrid=False,
                         row=1, col=column)
    fig.update_yaxes(title_text=_("Layers of the teacher"), col=1)
    fig.update_layout(
        height=170 + _ROW_PX * len(pairs[0].rows), margin_t=36,
        coloraxis={
            "cmin": 0, "cmax": 1, "colorscale": [[0, faint(colour, 0.0)], [1, faint(colour, 0.95)]],
            "colorbar": {"thickness": 10, "outlinewidth": 0, "title": {"text": "CKA"}, "tickvals": [0, 0.5, 1]},
        },
    )
    notes = [counted("{number} test sample.", "{number} test samples.", found.samples)]
    notes += [
        _("{student}: {value} in the answers.").format(student=names[pair.student], value=f"{value:.2f}")
        for pair in pairs if (value := last_of(pair)) is not None
    ]
    add_caption(fig, notes)
    return apply_style(fig, theme)


def last_of(pair: Pair) -> float | None:
    """CKA of both answers."""
    return pair.values[-1][-1]
