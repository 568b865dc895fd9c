"""Which layers of the students give what which layers of the teacher give."""

from __future__ import annotations

from distill_core.charts.similarity import similarity
from distill_core.examined import Similarity
from distill_core.language import _, marked
from distill_core.rows import ExperimentView
from pages.ui import results
from pages.ui.evidence.examining import found_or_offer, show_limits
from pages.ui.evidence.panel import Panel


def draw(view: ExperimentView) -> None:
    found = found_or_offer(view, Similarity, leads=True)
    if found is None:
        return
    results.show_chart(
        similarity(found, view.runs, theme=results.theme()), key="similarity", file_name="layers-by-cka",
        alt=_("Heat maps of linear CKA: each layer of the teacher with each layer of the student, by student"),
    )
    show_limits(found)


PANEL = Panel(
    name="similarity", title=marked("Layers compared (CKA)"), group="inside", place=10,
    shows=marked(
        "how alike the features of two layers arrange the same test samples, from 0 to 1, for the teacher with the "
        "student alone and with the distilled ones (linear CKA)."
    ),
    hides=marked(
        "whether the networks use what is alike, or answer alike; few samples and wide layers push all values up, so "
        "compare the maps with each other."
    ),
    draw=draw,
)
