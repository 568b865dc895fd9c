"""Where each network looked for its answer."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.attention import answers_table, attention, notes
from distill_core.charts.names import markdown_text
from distill_core.charts.style import plot_config
from distill_core.examined import Attention
from distill_core.language import _, marked
from distill_core.rows import ExperimentView
from pages.ui import results
from pages.ui.evidence.examining import found_or_offer, show_limits
from pages.ui.evidence.panel import Panel


def draw(view: ExperimentView) -> None:
    if view.input_kind != "image":
        st.info(_("Not for this experiment: only images have places to look at."), icon=":material/do_not_disturb_on:")
        return
    found = found_or_offer(view, Attention)
    if found is None:
        return
    # Two beside each other, on a phone below each other.
    columns = st.columns(2)
    for number, subject in enumerate(found.subjects):
        with columns[number % 2]:
            st.plotly_chart(
                attention(found, subject, view.runs, view.class_names, theme=results.theme()), theme=None,
                key=f"attention-{number}", config=plot_config(f"attention-{subject.row}"),
                alt=_("Test sample {row}, and over it what spoke for the answer of each network").format(
                    row=subject.row
                ),
            )
    st.caption(markdown_text(" ".join(notes(found))))
    results.show_numbers(
        lambda: answers_table(found, view.class_names), key="attention", alt=_("Answers of each network by sample"),
    )
    show_limits(found)


PANEL = Panel(
    name="attention", title=marked("Where they look"), group="inside", place=30,
    shows=marked(
        "Which places of an image spoke for each network's own answer (Grad-CAM; of vision transformers attention), "
        "first on images on which the student alone and the distilled one differ."
    ),
    hides=marked(
        "Why: a hot place is where the last large map was active for the answer, coarse as that map, and these few "
        "images are picked, not typical."
    ),
    tasks=("classification",), draw=draw,
)
