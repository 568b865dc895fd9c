"""Which layers of the students give what which layers of the teacher give."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import markdown_text, plain_name
from distill_core.charts.similarity import lowest, similarity
from distill_core.examined import Similarity
from distill_core.language import _, marked
from distill_core.rows import ExperimentView
from pages.ui import results
from pages.ui.evidence.examining import found_or_offer, show_limits
from pages.ui.evidence.panel import Panel

MOST_PAIRS = 3


def draw(view: ExperimentView) -> None:
    found = found_or_offer(view, Similarity, leads=True)
    if found is None:
        return
    pairs = found.pairs[:MOST_PAIRS]
    # Columns of a page stand below each other on a phone.
    for number, (column, pair) in enumerate(zip(st.columns(len(pairs)), pairs, strict=True)):
        with column:
            results.show_chart(
                similarity(found, pair, view.runs, theme=results.theme()), key=f"similarity-{number}",
                file_name=f"layers-by-cka-{number + 1}",
                alt=_("Heat map of linear CKA: each layer of the teacher with each layer of {student}").format(
                    student=plain_name(found.network(pair.student).name)
                ),
            )
    st.caption(markdown_text(_("Layers of the teacher from top to bottom, of the student from left to right; colours "
                               "from {floor} (dark) to 1 (bright).").format(floor=f"{lowest(found):.1f}")))
    show_limits(found)


PANEL = Panel(
    name="similarity", title=marked("Layers compared (CKA)"), group="inside", place=10,
    shows=marked(
        "How alike the features of two layers arrange the same test samples, from 0 to 1, for the teacher with the "
        "student alone and with the distilled ones (linear CKA)."
    ),
    hides=marked(
        "Whether the networks use what is alike, or answer alike; few samples and wide layers push all values up, so "
        "compare the maps with each other."
    ),
    draw=draw,
)
