"""Panel: the test samples on which two kinds of networks differ most."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.variants import Variant
from distill_core.language import _, counted, marked
from distill_core.rows import ExperimentView, RunRow
from pages.ui.evidence.choosing import choose_variant
from pages.ui.evidence.gallery import class_words, show_gallery
from pages.ui.evidence.panel import Panel
from pages.ui.session import lab


def draw(view: ExperimentView) -> None:
    evidence = lab().evidence
    runs = evidence.answered(view)
    why = _("The samples are ranked by how far the answers of these two lie apart, mean over the seeds.")
    with st.container(horizontal=True):
        first = choose_variant(view, runs, key="apart-first", label=_("First"), help=why, first="teacher")
        others = [run for run in runs if run not in first.runs]
        if not others:
            st.info(_("A second variant must be tested before the two can disagree."), icon=":material/hourglass:")
            return
        second = choose_variant(view, others, key="apart-second", label=_("Second"), help=why)
    pairs = _pairs(first, second)
    if not pairs:
        st.info(_("These two share no seed. Choose another pair."), icon=":material/info:")
        return
    found = evidence.disagreed(view, pairs)
    st.caption(counted("Mean over {number} pair.", "Mean over {number} pairs.", len(pairs)))

    def amount(distance: float) -> str:
        if view.task == "regression":
            return _("{value} apart").format(value=f"{distance:.2f}")
        return _("{share} of probability apart").format(share=f"{100 * distance:.0f}%")

    both = list({run.run_id: run for pair in pairs for run in pair}.values())
    show_gallery(view, found, both, key="disagreed", amount=amount, words=class_words(view))


def _pairs(first: Variant, second: Variant) -> list[tuple[RunRow, RunRow]]:
    """By seed; a teacher, who has none of the students' seeds, with everybody."""
    if "teacher" in (first.role, second.role):
        return [(one, other) for one in first.runs for other in second.runs]
    by_seed = {run.seed: run for run in second.runs}
    return [(run, by_seed[run.seed]) for run in first.runs if run.seed in by_seed]


PANEL = Panel(
    name="disagreed",
    title=marked("Where they disagree most"),
    group="samples",
    shows=marked("The test samples on which two variants place their probability on different classes, or values."),
    hides=marked("Who of the two is right more often: that is counted under “Like the teacher?” and by class."),
    draw=draw,
    place=20,
)
