"""Loss and accuracy along the line between the weights of the student alone and of the distilled one."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from distill_core.charts.examined import looks
from distill_core.charts.style import BLUE, ORANGE, Theme, add_caption, apply_style, empty_figure, hover, seen_on
from distill_core.examined import LossLine
from distill_core.language import _, counted
from distill_core.rows import RunRow
from distill_core.signature import Task


def loss_line(found: LossLine, runs: Sequence[RunRow], *, task: Task, theme: Theme) -> go.Figure:
    """Loss above, accuracy (of a regression R²) below; a=0 is the student alone and a=1 the distilled one."""
    if not found.points:
        return empty_figure(_("There is no line here."), theme)
    names = {run_id: look.name for run_id, look in looks(found, runs, theme).items()}
    fig = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    regression = task == "regression"
    factor = 1 if regression else 100
    above = _("Squared error") if regression else _("Loss (NLL, nats)")
    below = "R²" if regression else _("Accuracy")
    where = [point.a for point in found.points]
    anew = any(point.loss_anew is not None for point in found.points)
    series = [(_("as the weights lie"), BLUE, "solid", False)]
    series += [(_("statistics measured anew"), seen_on(theme, ORANGE), "dash", True)] if anew else []
    for name, colour, dash, is_anew in series:
        losses = [point.loss_anew if is_anew else point.loss for point in found.points]
        shares = [point.accuracy_anew if is_anew else point.accuracy for point in found.points]
        for row, values, shown in (
            (1, losses, "%{y:.4f}"), (2, [_scaled(value, factor) for value in shares], "%{y:.1f}%"),
        ):
            text = "%{y:.3f}" if regression and row == 2 else shown
            fig.add_scatter(
                x=where, y=values, mode="lines", name=name, legendgroup=name, showlegend=anew and row == 1,
                line={"color": colour, "dash": dash, "width": 2},
                hovertemplate=hover([("a", "%{x:.2f}"), (above if row == 1 else below, text)], heading=name),
                row=row, col=1,
            )
    for a in (0, 1):
        fig.add_vline(x=a, line={"width": 1, "dash": "dot", "color": "rgba(128,128,128,0.6)"})
    for a, run_id in ((0, found.alone), (1, found.distilled)):
        fig.add_annotation(
            x=a, y=1, xref="x", yref="paper", yanchor="bottom", text=names.get(run_id, ""), showarrow=False,
        )
    fig.update_yaxes(title_text=above, rangemode="tozero", row=1, col=1)
    fig.update_yaxes(title_text=below, ticksuffix="" if regression else "%", row=2, col=1)
    fig.update_xaxes(title_text=_("a: from the student alone (0) to the distilled one (1)"), row=2, col=1)
    fig.update_layout(height=430, margin_t=28 if not anew else 60, legend={"y": 1.08})
    add_caption(fig, _notes(found, anew=anew))
    return apply_style(fig, theme)


def barrier(found: LossLine, *, anew: bool = False) -> float | None:
    """How far the loss rises above the straight line between both ends' losses; 0 where it never does.

    None where an end has no finite loss. Frankle et al. 2020, https://arxiv.org/abs/1912.05671.
    """
    losses = {point.a: point.loss_anew if anew else point.loss for point in found.points}
    first, last = losses.get(0.0), losses.get(1.0)
    if first is None or last is None:
        return None
    between = [(a, loss) for a, loss in losses.items() if 0 <= a <= 1]
    if any(loss is None for _a, loss in between):
        return None
    return max(loss - ((1 - a) * first + a * last) for a, loss in between if loss is not None)


def _scaled(value: float | None, factor: int) -> float | None:
    return None if value is None else value * factor


def _notes(found: LossLine, *, anew: bool) -> list[str]:
    notes = [counted("{number} test sample.", "{number} test samples.", found.samples)]
    height = barrier(found, anew=anew)
    if height is not None and height > 0.005:
        notes.append(_("Between both ends the loss rises {height} above the straight line.").format(
            height=f"{height:.2f}"
        ))
    elif height is not None:
        notes.append(_("Between both ends the loss never rises above the straight line: both lie in one valley."))
    if anew:
        notes.append(_(
            "Dashed: the statistics of batch normalisation are measured anew on training samples at each point, for "
            "those of a network in between are none of its own."
        ))
    return notes
