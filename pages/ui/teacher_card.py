"""A teacher's fitness on a page: a small card of an experiment, and before launch beside the form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.errors import LabError
from distill_core.evaluation.metrics import percentage
from distill_core.evaluation.teacher_fitness import TeacherFitness
from distill_core.language import _, counted
from distill_core.rows import ExperimentView
from distill_core.spec import ExperimentSpec
from pages.ui import drafting, places, teacher_words, words
from pages.ui.guard import tell
from pages.ui.session import lab


def show_card(view: ExperimentView) -> None:
    """How fit the teacher is, as soon as its worker has measured it, and what temperature that speaks for."""
    try:
        found, compared = lab().fitness.of(view.row.experiment_id), lab().fitness.beside_alone(view)
    except LabError as error:
        tell(error)
        return
    if compared is not None and (told := teacher_words.weaker(*compared)):
        st.warning(markdown_text(told), icon=":material/trending_down:")
    if found is None:
        if view.row.state in words.ACTIVE and view.task != "regression" and view.teacher is not None:
            st.caption(":material/school: " + _("How fit the teacher is to teach stands here once it is trained."))
        return
    with st.container(border=True, key="teacher-card"):
        _show(found, teachers=len(view.spec.teachers))
        suggested = found.suggestion.temperature
        if suggested in (used := temperatures(view.spec)):
            st.caption(_("Some students here learn at T={temperature}.").format(temperature=suggested))
        elif used:
            places.link(
                places.NEW, _("New experiment with T={temperature}").format(temperature=suggested),
                icon=":material/thermostat:",
                help=_("Opens these settings with this temperature in every term that has one."),
                **{"from": view.row.experiment_id, "temperature": str(suggested)},
            )


def show_before(spec: ExperimentSpec, answer: dict[str, Any] | None) -> None:
    """Before launch: the fitness of teachers that are there; of others, that it comes later. `answer`: TeacherAnswer.

    None where a preview of an earlier version told nothing of it.
    """
    if answer is None:
        return
    if waiting := answer["waiting"]:
        st.caption(":material/school: " + counted(
            "The teacher is trained by this experiment. How fit it is, and which T suits it, stands on the "
            "experiment's page as soon as it is trained.",
            "{number} teachers are trained by this experiment. How fit they are together, and which T suits them, "
            "stands on the experiment's page as soon as they are trained.", len(waiting),
        ))
        return
    if answer["fitness"] is None:
        return
    found = TeacherFitness.from_json(answer["fitness"])
    if answer["alone"] and (told := teacher_words.weaker_before(found.accuracy, answer["alone"])):
        st.warning(markdown_text(told), icon=":material/trending_down:")
    with st.container(border=True, key="teacher-card"):
        _show(found, teachers=answer["count"])
        suggested, used = found.suggestion.temperature, temperatures(spec)
        if used and any(one != suggested for one in used):
            st.button(
                _("Use T={temperature}").format(temperature=suggested), key="use-temperature",
                icon=":material/thermostat:", on_click=drafting.pend, args=("heat", suggested),
                help=_("Puts this temperature into every term of the form that has one."),
            )


def _show(found: TeacherFitness, *, teachers: int) -> None:
    name = _("Teacher") if teachers == 1 else counted("{number} teacher as one", "{number} teachers as one", teachers)
    st.markdown(f"**{name}**", help=_("Measured on at most 4,096 samples of each kind, before any student learns."))
    share = _share
    figures: Sequence[tuple[str, str, str]] = (
        (_("Validation accuracy"), share(found.accuracy), teacher_words.HELP_ACCURACY),
        (_("ECE"), share(found.ece), teacher_words.HELP_ECE),
        (_("NLL"), "–" if math.isnan(found.nll) else f"{found.nll:.3f}", teacher_words.HELP_NLL),
        (_("Confidence"), share(found.confidence), teacher_words.HELP_CONFIDENCE),
        (_("Label agreement"), share(found.agreement), teacher_words.HELP_AGREEMENT),
        (_("Suggested T"), str(found.suggestion.temperature), teacher_words.HELP_TEMPERATURE),
    )
    with st.container(horizontal=True, gap="medium"):
        for label, value, text in figures:
            st.metric(label, value, width="content", help=_(text))
    st.caption(markdown_text(teacher_words.reason(found.suggestion)))


def _share(figure: float) -> str:
    return "–" if math.isnan(figure) else percentage(figure)


def temperatures(spec: ExperimentSpec) -> set[float]:
    """Those that the terms of the spec have, of weight above 0."""
    found = [
        term.loss.params.get("temperature") for student in spec.students for term in student.terms if term.weight > 0
    ]
    return {float(str(one)) for one in found if one is not None}
