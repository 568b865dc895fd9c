"""The test samples in the plane, by what each network's last layer before the answer makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from distill_core.charts.examined import looks
from distill_core.charts.names import display_name
from distill_core.charts.style import (
    BLUE,
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
    hover,
)
from distill_core.evaluation.metrics import percentage
from distill_core.examined import Cloud, Maps
from distill_core.language import _, counted
from distill_core.rows import RunRow
from distill_core.signature import Task

Method = Literal["pca", "tsne"]
MOST_CLASSES = 21
_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY)
# Another sign for each round of the colours.
_SYMBOLS = ("circle", "diamond-open", "x-thin-open")


def feature_maps(
    found: Maps, runs: Sequence[RunRow], class_names: Sequence[str], *, method: Method, task: Task, theme: Theme
) -> go.Figure:
    """One map a network, the same samples in the same colours; of a regression the colour is the true value."""
    clouds = [cloud for cloud in found.clouds if cloud.method == method]
    if not clouds:
        return empty_figure(_("There is no map here."), theme)
    names = {run_id: look.name for run_id, look in looks(found, runs, theme).items()}
    fig = make_subplots(
        rows=1, cols=len(clouds), horizontal_spacing=0.03, subplot_titles=[names[one.run_id] for one in clouds],
    )
    for column, cloud in enumerate(clouds, start=1):
        if task == "regression":
            _add_values(fig, cloud, found, column)
        else:
            _add_classes(fig, cloud, found, class_names, column)
    fig.update_xaxes(showticklabels=False, showline=False, showgrid=False)
    fig.update_yaxes(showticklabels=False, showgrid=False)
    for column in range(1, len(clouds) + 1):
        # Distances mean the same along both axes.
        fig.update_yaxes(scaleanchor=f"x{column if column > 1 else ''}", row=1, col=column)
    fig.update_layout(
        height=400, margin_t=36, margin_b=8,
        legend={"y": -0.04, "yanchor": "top", "itemsizing": "constant"},
    )
    add_caption(fig, _notes(found, clouds, names, method=method))
    return apply_style(fig, theme)


def _add_classes(fig: go.Figure, cloud: Cloud, found: Maps, class_names: Sequence[str], column: int) -> None:
    classes = sorted({int(label) for label in found.labels})
    for number, label in enumerate(classes[:MOST_CLASSES]):
        places = [place for place, one in enumerate(found.labels) if int(one) == label]
        name = display_name(class_names[label] if label < len(class_names) else str(label), 20)
        fig.add_scatter(
            x=[cloud.points[place][0] for place in places], y=[cloud.points[place][1] for place in places],
            customdata=[found.rows[place] for place in places], mode="markers", name=name, legendgroup=str(label),
            showlegend=column == 1,
            marker={
                "color": _COLOURS[number % len(_COLOURS)], "size": 6, "opacity": 0.8,
                "symbol": _SYMBOLS[number // len(_COLOURS) % len(_SYMBOLS)],
                "line": {"width": 1.5 if number >= len(_COLOURS) else 0, "color": _COLOURS[number % len(_COLOURS)]},
            },
            hovertemplate=hover([(_("test sample"), "%{customdata}")], heading=name), row=1, col=column,
        )


def _add_values(fig: go.Figure, cloud: Cloud, found: Maps, column: int) -> None:
    fig.add_scatter(
        x=[x for x, _y in cloud.points], y=[y for _x, y in cloud.points], mode="markers", showlegend=False,
        customdata=found.rows,
        marker={
            "color": found.labels, "colorscale": "Cividis", "size": 6, "opacity": 0.85, "showscale": column == 1,
            "colorbar": {"thickness": 10, "outlinewidth": 0, "title": {"text": _("true value")}},
        },
        hovertemplate=hover(
            [(_("test sample"), "%{customdata}"), (_("true value"), "%{marker.color:.2f}")], heading=""
        ),
        row=1, col=column,
    )


def _notes(found: Maps, clouds: Sequence[Cloud], names: dict[str, str], *, method: Method) -> list[str]:
    notes = [counted("{number} test sample.", "{number} test samples.", found.samples)]
    if method == "pca":
        notes += [
            _("{network}: the plane holds {share} of the variance.").format(
                network=names[one.run_id], share=percentage(one.explained)
            )
            for one in clouds if one.explained is not None
        ]
    if found.neighbours:
        notes += [
            _("{network}: {share} of the ten nearest in all dimensions have the same class.").format(
                network=names[one.run_id], share=percentage(found.neighbours[one.run_id])
            )
            for one in clouds if one.run_id in found.neighbours
        ]
    classes = len({int(label) for label in found.labels})
    if found.neighbours and classes > MOST_CLASSES:
        notes.append(_("The first {shown} of {number} classes are shown.").format(shown=MOST_CLASSES, number=classes))
    return notes
