"""Panel: which confusions became rarer and which more frequent."""

from __future__ import annotations

from distill_core.charts.confusion_change import confusion_change
from distill_core.charts.names import plain_name
from distill_core.language import _, marked
from distill_core.rows import ExperimentView
from pages.ui.evidence.class_choice import chosen_changes
from pages.ui.evidence.panel import Panel
from pages.ui.results import show_chart, theme


def draw(view: ExperimentView) -> None:
    found = chosen_changes(view, key="confusions-of")
    if found is None:
        return
    title = _("{student} minus {baseline}").format(
        student=plain_name(found.student, 22), baseline=plain_name(found.baseline, 22)
    )
    show_chart(
        confusion_change(found.confusion, view.class_names, theme=theme(), title=title), key="confusion-change",
        file_name="confusion-change", alt=_("Change of the confusion matrix: true class by predicted class"),
    )


PANEL = Panel(
    name="confusion-change",
    title=marked("Confusions, before and after"),
    group="classes",
    shows=marked("Which pairs of classes the student confuses less or more often than the same network trained alone."),
    hides=marked("Which of these changes are more than chance: cells of few samples move by whole points."),
    tasks=("classification", "tagging"),
    draw=draw,
    place=20,
)
