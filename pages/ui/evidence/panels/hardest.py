"""Panel: the test samples that the networks find hardest."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.language import _, marked
from distill_core.rows import ExperimentView
from pages.ui.evidence.choosing import choose_variants
from pages.ui.evidence.gallery import class_words, of_networks, show_gallery
from pages.ui.evidence.panel import Panel
from pages.ui.session import lab


def draw(view: ExperimentView) -> None:
    evidence = lab().evidence
    chosen = choose_variants(
        view, evidence.answered(view), key="hard-for", label=_("Hard for"), first=("teacher", "baseline", "student"),
    )
    runs = [run for variant in chosen for run in variant.runs]
    if not runs:
        st.info(_("Choose at least one variant."), icon=":material/checklist:")
        return
    all_wrong = view.task != "regression" and st.toggle(
        _("Only those that all get wrong"), key="all-wrong", bind="query-params",
        help=_("Every network of the variants chosen, on every seed; of a tagging at least one step."),
    )
    found = evidence.hardest(view, runs, only_all_wrong=all_wrong)
    if view.task != "regression":
        told = _("All of {networks} get {count} of the test samples wrong.").format(
            networks=of_networks(runs), count=f"{int((found.wrong == 1).sum()):,}"
        )
        st.caption(markdown_text(told))

    def amount(loss: float) -> str:
        if view.task == "regression":
            return _("squared error {value}").format(value=f"{loss:.2f}")
        return _("NLL {value}").format(value=f"{loss:.2f}")

    show_gallery(view, found, runs, key="hardest", amount=amount, words=class_words(view))


PANEL = Panel(
    name="hardest",
    title=marked("Hardest samples"),
    group="samples",
    shows=marked("The test samples with the highest mean loss over the networks chosen, the hardest first."),
    hides=marked("Why they are hard: some are ambiguous, some have a wrong label, some are simply rare."),
    draw=draw,
    place=10,
)
