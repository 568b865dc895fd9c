"""A lesson to read: everything below each other, at one's own pace."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import markdown_name, markdown_text
from distill_core.errors import LabError
from distill_core.language import _, counted, told
from distill_core.lessons import load_lessons
from pages.learn import blocks
from pages.learn.taught import Taught, address, for_everybody, link_to
from pages.ui import places
from pages.ui.copying.component import copy_address
from pages.ui.presenting import PRESENT, STEP


def show(found: Taught) -> None:
    lesson = found.lesson
    with st.container(key="lesson"):
        places.link(places.LEARN, _("All lessons"), icon=":material/arrow_back:")
        st.caption(_("Lesson {number} of {count} · {minutes}").format(
            number=lesson.number, count=len(load_lessons()),
            minutes=counted("{number} minute", "{number} minutes", lesson.minutes),
        ))
        st.title(_(lesson.title), anchor=False)
        _tools(found)
        _brought(found)
        for part in lesson.parts:
            blocks.part(part)
        st.header(_("The formula"), anchor=False)
        blocks.formula(lesson)
        st.header(_("The experiment"), anchor=False)
        blocks.experiment(found)
        st.header(_("Try it"), anchor=False)
        blocks.control(found)
        st.header(_("A question"), anchor=False)
        blocks.question(lesson)
        _answer(found)
        blocks.papers(lesson)
        _around(found)


def _tools(found: Taught) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="lesson-tools"):
        places.link(
            places.LEARN, _("Present"), icon=":material/slideshow:",
            help=_("Large type, one step at a time; arrow keys or a clicker lead on, Esc leaves."),
            **address(found, **{PRESENT: "1"}),
        )
        try:
            parameters = for_everybody(found)
        except LabError as error:
            st.caption(markdown_text(told(error.sentence)))
        else:
            copy_address(parameters, key="copy-lesson", without=(PRESENT, STEP))


def _brought(found: Taught) -> None:
    """Settings that are not the lesson's own."""
    if not found.is_own:
        st.info(
            _("This link brings settings of its own: **{name}**. Texts of the lesson may speak of others.").format(
                name=markdown_name(found.standing.spec.name, 80)
            ), icon=":material/link:",
        )
        link_to(found.lesson, _("Use the lesson's own settings"), icon=":material/undo:")


def _answer(found: Taught) -> None:
    """Behind a click; not in the address, so that a link shows nobody the answer."""
    opened = f"answer-{found.lesson.name}"
    if found.outcome is None:
        st.caption(_("The answer is taken from the experiment's figures: run the experiment first."))
        return
    if st.session_state.get(opened):
        blocks.answer(found)
        return
    if st.button(
        _("Show the answer"), key="show-answer", icon=":material/visibility:", type="primary",
        help=_("Say your own first."),
    ):
        st.session_state[opened] = True
        st.rerun()


def _around(found: Taught) -> None:
    """To the lessons before and after."""
    st.divider()
    lessons = load_lessons()
    place = lessons.index(found.lesson)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        if place > 0:
            link_to(lessons[place - 1], _(lessons[place - 1].title), icon=":material/arrow_back:")
        if place + 1 < len(lessons):
            link_to(
                lessons[place + 1], _("Next: {title}").format(title=_(lessons[place + 1].title)),
                icon=":material/arrow_forward:",
            )
        else:
            places.link(places.NEW, _("Design an experiment of your own"), icon=":material/add_circle:")
