"""Panel: the reliability diagram."""

from __future__ import annotations

from statistics import fmean

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.charts.reliability import reliability
from distill_core.evaluation.metrics import percentage
from distill_core.language import _, marked
from distill_core.rows import ExperimentView
from pages.ui.evidence.choosing import choose_variants
from pages.ui.evidence.panel import Panel
from pages.ui.results import show_chart, theme
from pages.ui.rivals import rival_names, rival_of
from pages.ui.session import lab

MOST = 4
CLOSE = 0.01


def draw(view: ExperimentView) -> None:
    evidence = lab().evidence
    runs = evidence.answered(view)
    chosen = choose_variants(view, runs, key="reliability-of", label=_("Variants"), most=MOST)
    show_chart(
        reliability([(variant, evidence.reliability(view, variant.runs)) for variant in chosen], theme=theme()),
        key="reliability", file_name="reliability",
        alt=_("Share of right answers at each confidence, by variant, above how many samples each bin has"),
    )
    qualities, names = evidence.qualities(view), rival_names(runs)
    for variant in chosen:
        mine = [qualities[run.run_id] for run in variant.runs]
        over = fmean(one.overconfidence for one in mine)
        words = _("about as sure as it is right")
        if abs(over) >= CLOSE:
            words = _("surer than it is right") if over > 0 else _("less sure than it is right")
        sentence = _("{variant}: ECE {ece}, {words} (confidence minus accuracy {gap} points).").format(
            variant=names[rival_of(variant.first)], ece=percentage(fmean(one.ece for one in mine)), words=words,
            gap=f"{100 * over:+.1f}",
        )
        st.markdown(f"- {markdown_text(sentence)}")


PANEL = Panel(
    name="reliability",
    title=marked("Reliability"),
    group="figures",
    shows=marked("Whether networks are right as often as they say they are, at each level of confidence."),
    hides=marked(
        "How good they are: a network that always says the shares of the classes is perfectly calibrated and useless."
    ),
    tasks=("classification", "tagging"),
    draw=draw,
    place=20,
)
