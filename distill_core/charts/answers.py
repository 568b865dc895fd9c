"""A regression's answers against the true values: on the line where it is right, beside it where it is not."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from distill_core.charts.names import display_name
from distill_core.charts.style import THEMES, Theme, add_caption, apply_style, empty_figure, hover
from distill_core.evaluation.metrics import METRICS
from distill_core.evaluation.regression import r2
from distill_core.evaluation.saved import SavedAnswers

MOST_POINTS = 1500
Limits = tuple[float, float]


def limits_of(found: Iterable[SavedAnswers], output: int) -> Limits:
    """The least and the largest of one value, for axes that several networks share.

    Answers farther from the true values than these are from each other stay outside.
    """
    some = list(found)
    true = _finite([one.true[:, output] for one in some])
    every = _finite([one.predicted[:, output] for one in some] + [true])
    if not len(true):
        return (-1.0, 1.0)
    low, high = float(true.min()), float(true.max())
    spread = high - low or 1.0
    low, high = max(low - spread, float(every.min())), min(high + spread, float(every.max()))
    margin = 0.05 * (high - low or 1.0)
    return low - margin, high + margin


def against_truth(
    answers: SavedAnswers, output: int, *, name: str, value_name: str, color: str, limits: Limits, theme: Theme
) -> go.Figure:
    """A dot a test sample: across its true value, up what the network answered; both axes alike.

    `name` says whose answers these are, `value_name` what is predicted; any text. At most 1,500 samples are drawn,
    evenly taken; R² counts all.
    """
    predicted, true = answers.predicted[:, output], answers.true[:, output]
    rows = np.flatnonzero(np.isfinite(predicted) & np.isfinite(true))
    if not len(rows):
        return empty_figure(f"{name} has no answers that are numbers.", theme)
    notes, inside = [], (predicted[rows] >= limits[0]) & (predicted[rows] <= limits[1])
    if outside := int((~inside).sum()):
        answers_lie = "answer lies" if outside == 1 else "answers lie"
        notes.append(f"{outside} {answers_lie} outside the picture.")
    if len(rows) > MOST_POINTS:
        notes.append(f"{MOST_POINTS:,} of {len(rows):,} samples drawn.")
        rows = rows[np.linspace(0, len(rows) - 1, MOST_POINTS).round().astype(int)]
    fig, line = go.Figure(), THEMES[theme].muted
    fig.add_scatter(
        x=list(limits), y=list(limits), mode="lines", line={"color": line, "width": 1, "dash": "dot"},
        hoverinfo="skip", showlegend=False,
    )
    fig.add_scatter(
        x=true[rows].round(4), y=predicted[rows].round(4), mode="markers", showlegend=False,
        marker={"color": color, "size": 5, "opacity": 0.55},
        hovertemplate=hover([("true", "%{x:.3f}"), ("answer", "%{y:.3f}")], heading=display_name(name)),
    )
    score = METRICS["r2"].value(r2(answers.predicted[:, [output]], answers.true[:, [output]]))
    fig.update_layout(height=340, title_text=f"{display_name(name, 32)} · R² {score}", margin_t=36)
    shown = display_name(value_name, 24)
    fig.update_xaxes(title_text=f"True {shown}", range=list(limits), showgrid=True)
    fig.update_yaxes(title_text=f"Predicted {shown}", range=list(limits))
    add_caption(fig, notes)
    return apply_style(fig, theme)


def _finite(parts: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    every = np.concatenate([np.zeros(0), *parts])
    return every[np.isfinite(every)]
