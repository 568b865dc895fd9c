"""Panel: how faithful students are to their teacher, and who is right where they differ."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean

import pandas as pd
import streamlit as st

from distill_core.charts.fidelity import fidelity
from distill_core.charts.names import plain_name
from distill_core.charts.variants import Variant, variants
from distill_core.evaluation.fidelity import Fidelity
from distill_core.evaluation.quality import over_seeds
from distill_core.language import _, marked
from distill_core.rows import ExperimentView
from pages.ui.evidence import writing
from pages.ui.evidence.choosing import choose_teacher
from pages.ui.evidence.panel import Panel
from pages.ui.results import show_chart, theme
from pages.ui.rivals import rival_names, rival_of
from pages.ui.session import lab

SURE = 0.05


def draw(view: ExperimentView) -> None:
    evidence = lab().evidence
    teacher = choose_teacher(view, evidence.answered(view), key="fidelity-to")
    if teacher is None:
        st.info(_("This experiment has no tested teacher to compare with."), icon=":material/info:")
        return
    found = evidence.fidelities(view, teacher)
    by_variant = [
        (variant, [found[run.run_id] for run in variant.runs if run.run_id in found])
        for variant in variants(view.runs, theme()) if variant.role != "teacher"
    ]
    beside = [(variant, each) for variant, each in by_variant if each]
    show_chart(
        fidelity(beside, theme=theme()), key="fidelity", file_name="fidelity",
        alt=_("For each variant the samples on which not both it and the teacher are right, by who is"),
    )
    if not beside:
        return
    names = rival_names(view.runs)
    text = st.column_config.TextColumn
    st.dataframe(
        pd.DataFrame([_row(variant, each, names[rival_of(variant.first)]) for variant, each in beside]),
        key="fidelity-table", hide_index=True, width="stretch", alt=_("Fidelity of every variant, in numbers"),
        column_config={
            "variant": text(_("Variant"), pinned=True, help=_("Mean over its seeds, in brackets the 95% t interval.")),
            "agreement": text(_("Agreement"), help=_(
                "Share of samples on which it names the teacher's class, right or wrong."
            )),
            "kl": text(_("KL, nats"), help=_("KL(teacher ‖ student) of the probabilities at temperature 1.")),
            "copied": text(_("Mistakes copied"), help=_(
                "Of the samples the teacher gets wrong, those on which it names the same wrong class."
            )),
            "student": text(_("Only student right"), help=_("Samples, mean over seeds.")),
            "teacher": text(_("Only teacher right"), help=_("Samples, mean over seeds.")),
            "sure": text(_("Seeds that differ"), help=_(
                "On how many seeds the two counts before differ by more than chance (McNemar's exact test, p < 0.05)."
            )),
        },
    )


def _row(variant: Variant, each: list[Fidelity], name: str) -> dict[str, str]:
    def spread(of: Callable[[Fidelity], float | None], *, share: bool) -> str:
        known = [value for one in each if (value := of(one)) is not None]
        return writing.spread(over_seeds(known, least=0.0, most=1.0 if share else math.inf), share=share)

    return {
        "variant": plain_name(name, 72),
        "agreement": spread(lambda one: one.agreement, share=True),
        "kl": spread(lambda one: one.kl, share=False),
        "copied": spread(lambda one: one.copied_mistakes, share=True),
        "student": f"{fmean(one.only_student for one in each):,.1f}",
        "teacher": f"{fmean(one.only_teacher for one in each):,.1f}",
        "sure": _("{count} of {total}").format(count=sum(one.chance < SURE for one in each), total=len(each)),
    }


PANEL = Panel(
    name="fidelity",
    title=marked("Student beside teacher"),
    group="teacher",
    shows=marked(
        "How often a student says what the teacher says, who of the two is right where they differ, and whether it "
        "copies the teacher's mistakes."
    ),
    hides=marked(
        "How good a student is: a distilled one is trained to agree, and may agree more without being better."
    ),
    tasks=("classification", "tagging"),
    draw=draw,
    place=10,
)
