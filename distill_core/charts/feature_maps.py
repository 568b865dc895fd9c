"""The test samples in the plane, by what a network's last layer before the answer makes of them."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

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
    hover,
    seen_on,
)
from distill_core.evaluation.metrics import percentage
from distill_core.examined import Cloud, Maps
from distill_core.language import _
from distill_core.rows import RunRow
from distill_core.signature import Task

MOST_CLASSES = 21
_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY)
# Another sign for each round of the colours.
_SYMBOLS = ("circle", "diamond-open", "x-thin-open")


def feature_map(
    found: Maps, cloud: Cloud, runs: Sequence[RunRow], class_names: Sequence[str], *, task: Task, theme: Theme
) -> go.Figure:
    """One network's map, each class in a colour of its own; of a regression the colour is the true value."""
    fig = go.Figure()
    if task == "regression":
        _add_values(fig, cloud, found)
    else:
        _add_classes(fig, cloud, found, class_names, theme=theme)
    fig.update_xaxes(showticklabels=False, showline=False, showgrid=False)
    # Distances mean the same along both axes.
    fig.update_yaxes(showticklabels=False, showgrid=False, scaleanchor="x")
    fig.update_layout(
        height=430, margin_t=40, margin_b=8, title_text=looks(found, runs, theme)[cloud.run_id].name,
        legend={"y": -0.03, "yanchor": "top", "itemsizing": "constant"},
    )
    add_caption(fig, _notes(found, cloud))
    return apply_style(fig, theme)


def _add_classes(
    fig: go.Figure, cloud: Cloud, found: Maps, class_names: Sequence[str], *, theme: Theme
) -> None:
    classes = sorted({int(label) for label in found.labels})
    for number, label in enumerate(classes[:MOST_CLASSES]):
        places = [place for place, one in enumerate(found.labels) if int(one) == label]
        colour = seen_on(theme, _COLOURS[number % len(_COLOURS)])
        name = display_name(class_names[label] if label < len(class_names) else str(label), 20)
        fig.add_scatter(
            x=[cloud.points[place][0] for place in places], y=[cloud.points[place][1] for place in places],
            customdata=[found.rows[place] for place in places], mode="markers", name=name,
            marker={
                "color": colour, "size": 6, "opacity": 0.8,
                "symbol": _SYMBOLS[number // len(_COLOURS) % len(_SYMBOLS)],
                "line": {"width": 1.5 if number >= len(_COLOURS) else 0, "color": colour},
            },
            hovertemplate=hover([(_("test sample"), "%{customdata}")], heading=name),
        )


def _add_values(fig: go.Figure, cloud: Cloud, found: Maps) -> None:
    fig.add_scatter(
        x=[x for x, _y in cloud.points], y=[y for _x, y in cloud.points], mode="markers", showlegend=False,
        customdata=found.rows,
        marker={
            "color": found.labels, "colorscale": "Cividis", "size": 6, "opacity": 0.85, "showscale": True,
            "colorbar": {"thickness": 10, "outlinewidth": 0, "title": {"text": _("true value")}},
        },
        hovertemplate=hover([(_("true value"), "%{marker.color:.2f}")], heading=_("test sample") + " %{customdata}"),
    )


def _notes(found: Maps, cloud: Cloud) -> list[str]:
    notes = [_("Layer {layer}.").format(layer=found.layers[cloud.run_id])] if cloud.run_id in found.layers else []
    if cloud.explained is not None:
        notes.append(_("The plane holds {share} of the variance.").format(share=percentage(cloud.explained)))
    if cloud.run_id in found.neighbours:
        notes.append(_("{share} of the ten nearest in all dimensions have the same class.").format(
            share=percentage(found.neighbours[cloud.run_id])
        ))
    classes = len({int(label) for label in found.labels})
    if found.neighbours and classes > MOST_CLASSES:
        notes.append(_("The first {shown} of {number} classes are shown.").format(shown=MOST_CLASSES, number=classes))
    return notes
