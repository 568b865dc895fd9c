"""How much each layer minds: the score against how strong a compression step is, layer by layer and all together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from distill_core.charts.names import display_name, plain_name
from distill_core.charts.style import BLUE, THEMES, Theme, add_caption, apply_style, empty_figure, hover
from distill_core.evaluation.metrics import METRICS
from distill_core.language import _, told
from distill_core.signature import Task

Json = Mapping[str, Any]


def steps_tried(found: Json) -> dict[str, str]:
    """Title by step of everything that has a curve, in the order measured."""
    return {str(curve["step"]): str(curve["title"]) for curve in found["curves"] if curve["points"]}


def sensitivity(found: Json, step: str, *, theme: Theme, task: Task = "classification") -> go.Figure:
    """One step's curves of what `Compressions.sensitivity` gives: all layers together thick, single layers thin.

    Layers are named when pointed at; the dotted level is the network as it is.
    """
    curves: Sequence[Json] = [one for one in found["curves"] if one["step"] == step and one["points"]]
    if not curves:
        return empty_figure(_("Nothing was measured for this step."), theme)
    metric = METRICS[str(found["metric"])]
    shares = all(0 <= strength <= 1 for curve in curves for strength, _ in curve["points"])
    name = told(str(curves[0]["strength"]).replace("_", " "))
    fig, untouched = go.Figure(), float(found["untouched"]) * metric.factor
    strengths = [strength for curve in curves for strength, _ in curve["points"]]
    fig.add_scatter(
        x=[min(strengths), max(strengths)], y=[untouched, untouched], mode="lines", hoverinfo="skip",
        name=_("as it is {value}").format(value=metric.value(float(found["untouched"]))),
        line={"color": THEMES[theme].muted, "width": 1.5, "dash": "dot"},
    )
    x_shown = "%{x:.0%}" if shares else "%{x:g}"
    y_shown = "%{y:.1f}%" if metric.is_share else "%{y:.3f}"
    named = False
    # All together last, so that it lies on top.
    for curve in sorted(curves, key=lambda one: not one["layer"]):
        layer = str(curve["layer"])
        points = sorted(curve["points"])
        fig.add_scatter(
            x=[strength for strength, _ in points], y=[value * metric.factor for _, value in points],
            mode="lines" if layer else "lines+markers",
            name=_("one layer alone") if layer else _("all layers together"), legendgroup="layer" if layer else "all",
            showlegend=not layer or not named, opacity=0.75 if layer else 1.0,
            line={"color": THEMES[theme].muted if layer else BLUE, "width": 1.2 if layer else 3.5},
            marker={"size": 7},
            hovertemplate=hover(
                [(name, x_shown), (metric.title, y_shown)],
                heading=display_name(layer, 60) if layer else _("all layers together"),
            ),
        )
        named = named or bool(layer)
    fig.update_xaxes(title_text=name.capitalize(), showgrid=True, tickformat=".0%" if shares else None)
    if not shares:
        fig.update_xaxes(tickvals=sorted(set(strengths)))
    fig.update_yaxes(
        title_text=_("{metric}, validation").format(
            metric=metric.title.capitalize() + (", %" if metric.is_share else "")
        ), rangemode="normal",
    )
    fig.update_layout(height=420)
    notes = [plain_name(str(note), 300) for note in found.get("notes", ())]
    unit = _("steps of validation samples") if task == "tagging" else _("validation samples")
    where = _("On {count} {unit}, never on test data. Point at a thin line for its layer.").format(
        count=f"{int(found['validation']):,}", unit=unit
    )
    add_caption(fig, [where, *notes])
    return apply_style(fig, theme)
