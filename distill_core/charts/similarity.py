"""Linear CKA between the layers of the teacher and those of a student: a heat map."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from distill_core.charts.examined import looks, shown_layer
from distill_core.charts.names import display_name
from distill_core.charts.style import Theme, add_caption, apply_style, hover
from distill_core.examined import Pair, Similarity
from distill_core.language import _
from distill_core.rows import RunRow

_ROW_PX = 25
_LONGEST_LAYER = 20


def similarity(found: Similarity, pair: Pair, runs: Sequence[RunRow], *, theme: Theme) -> go.Figure:
    """Rows: the teacher's layers from the first to its answer; columns: the student's.

    All pairs of an examination have one scale of colours.
    """
    name = looks(found, runs, theme)[pair.student].name
    rows = [display_name(shown_layer(one), _LONGEST_LAYER) for one in pair.rows]
    columns = [display_name(shown_layer(one), _LONGEST_LAYER) for one in pair.columns]
    lines = [(_("teacher"), "%{customdata[0]}"), (_("student"), "%{customdata[1]}"), ("CKA", "%{z:.3f}")]
    floor = lowest(found)
    fig = go.Figure()
    fig.add_heatmap(
        z=pair.values, customdata=[[[row, column] for column in columns] for row in rows], zmin=floor, zmax=1,
        colorscale="Cividis", xgap=1, ygap=1, hoverongaps=False, hovertemplate=hover(lines, heading=name),
        colorbar={"thickness": 8, "outlinewidth": 0, "title": {"text": "CKA"}, "nticks": 5},
    )
    fig.update_xaxes(title_text=_("Student's layer"))
    fig.update_yaxes(title_text=_("Teacher's layer"))
    fig.update_xaxes(tickvals=list(range(len(columns))), ticktext=columns, tickangle=90, showline=False)
    fig.update_yaxes(tickvals=list(range(len(rows))), ticktext=rows, autorange="reversed", showgrid=False)
    fig.update_layout(height=150 + _ROW_PX * len(rows), title_text=name, margin_t=40)
    value = pair.values[-1][-1]
    notes = [] if value is None else [_("In the answers: {value}.").format(value=f"{value:.2f}")]
    add_caption(fig, notes)
    return apply_style(fig, theme)


def lowest(found: Similarity) -> float:
    """Where the scale of colours begins: from 0 on all would look alike, for most values are high."""
    values = [value for pair in found.pairs for row in pair.values for value in row if value is not None]
    return max(0.0, math.floor(min(values, default=0.0) * 10) / 10)
