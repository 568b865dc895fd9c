"""Panel: what distillation changed by class."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.class_changes import SURE, class_changes
from distill_core.charts.names import markdown_text, plain_name
from distill_core.language import _, counted, marked
from distill_core.rows import ExperimentView
from pages.ui.evidence.class_choice import chosen_changes
from pages.ui.evidence.panel import Panel
from pages.ui.results import show_chart, theme


def draw(view: ExperimentView) -> None:
    found = chosen_changes(view, key="classes-of")
    if found is None:
        return
    show_chart(
        class_changes(found.classes, view.class_names, baseline=found.baseline, theme=theme()), key="class-changes",
        file_name="class-changes", alt=_("Change of the share recognised of each class, with intervals, sorted"),
    )
    sure = sum(one.corrected < SURE for one in found.classes)
    seeds = max(one.seeds for one in found.classes) if found.classes else 0
    if seeds < 2:
        st.caption(_("One seed has no interval: a second one tells how far classes move by chance."))
        return
    sentence = _("{sure} of {classes} differ by more than chance: {student} against {baseline}, {seeds}.").format(
        sure=sure, classes=counted("{number} class", "{number} classes", len(found.classes)),
        student=plain_name(found.student), baseline=plain_name(found.baseline),
        seeds=counted("{number} seed", "{number} seeds", seeds),
    )
    st.caption(markdown_text(sentence))


PANEL = Panel(
    name="class-changes",
    title=marked("Gained and lost by class"),
    group="classes",
    shows=marked("Which classes the student recognises more or less often than the same network trained alone."),
    hides=marked(
        "What the classes cost when they are mistaken, and what happens on test samples other than these; small "
        "classes move much by chance."
    ),
    tasks=("classification", "tagging"),
    draw=draw,
    place=10,
)
