"""The loss between the student alone and the distilled one."""

from __future__ import annotations

from distill_core.charts.loss_line import loss_line
from distill_core.examined import LossLine
from distill_core.language import _, marked
from distill_core.rows import ExperimentView
from pages.ui import results
from pages.ui.evidence.examining import found_or_offer, show_limits
from pages.ui.evidence.panel import Panel


def draw(view: ExperimentView) -> None:
    found = found_or_offer(view, LossLine)
    if found is None:
        return
    results.show_chart(
        loss_line(found, view.runs, task=view.task, theme=results.theme()), key="loss-line", file_name="loss-line",
        alt=_("Loss and accuracy on the test samples along the line between the weights of the student alone and of "
              "the distilled one"),
    )
    show_limits(found)


PANEL = Panel(
    name="loss-line", title=marked("From alone to distilled"), group="inside", place=40,
    shows=marked(
        "Loss and accuracy on the test samples while every weight moves straight from the student alone to the "
        "distilled one of the same start, and a little beyond both."
    ),
    hides=marked(
        "The way that training took, and the other thousands of directions: one line is no landscape, and a flat line "
        "is no promise of better answers on new data."
    ),
    draw=draw,
)
