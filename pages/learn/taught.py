"""A lesson as the address has it: with which settings, and what there is of its experiment."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.classroom import Standing
from distill_core.errors import LabError
from distill_core.language import _, told
from distill_core.lessons import Lesson
from distill_core.lessons.outcome import Outcome
from distill_core.spec_links import settings_of, token_of
from pages.ui import places, spoken
from pages.ui.presenting import LESSON, PRESENT, STEP
from pages.ui.session import lab

SPEC = "spec"
# What the reader has chosen on the page, for links within it.
_KEPT = (SPEC, "seed", "sample", "t", "epoch", "weight", "counted", "of", "tread")


@dataclass(frozen=True)
class Taught:
    """`outcome` is there once the experiment has succeeded; `is_own`: it runs on the lesson's own settings."""

    lesson: Lesson
    standing: Standing
    outcome: Outcome | None
    is_own: bool


def now(lesson: Lesson) -> Taught:
    """The lesson on the settings of the address, else on its own. Settings that cannot be used are told."""
    own = lab().lessons.spec(lesson)
    spec = own
    token = st.query_params.get(SPEC, "")
    if token:
        try:
            brought = lab().check(settings_of(token))
            if refused := lesson.fits(brought):
                st.warning(_(refused), icon=":material/link_off:")
            else:
                spec = brought
        except LabError as error:
            st.warning(
                markdown_text(told(error.sentence)), icon=":material/link_off:",
                title=_("This link's settings cannot be used; the lesson runs on its own."),
            )
    standing = lab().lessons.standing(spec)
    outcome = None
    if standing.is_ready:
        view = lab().experiment(standing.experiment_id)
        outcome = Outcome(view, tuple(lab().verdicts(standing.experiment_id)))
    return Taught(lesson, standing, outcome, is_own=spec == own)


def address(found: Taught, **more: str) -> dict[str, str]:
    """What a link to this lesson, as it is shown now, says."""
    kept = {name: value for name in _KEPT if (value := st.query_params.get(name))}
    if found.is_own:
        kept.pop(SPEC, None)
    return {LESSON: found.lesson.name, **kept, **more}


def for_everybody(found: Taught) -> dict[str, str]:
    """What the copied link sets, so that the lesson is the same on any machine. Raises LinkTooLong."""
    return {LESSON: found.lesson.name, SPEC: token_of(found.standing.spec)}


def go_to(found: Taught, step: int | None) -> None:
    """Another step of the presentation, counted from 0, or out of it."""
    if step is None:
        for name in (PRESENT, STEP):
            st.query_params.pop(name, None)
    else:
        st.query_params[STEP] = str(step + 1)


def link_to(lesson: Lesson, label: str, *, icon: str, present: bool = False) -> None:
    """To another lesson, on its own settings."""
    more = {PRESENT: "1"} if present else {}
    places.link(places.LEARN, label, icon=icon, **(spoken.of_address() | {LESSON: lesson.name} | more))
