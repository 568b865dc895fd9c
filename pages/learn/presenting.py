"""A lesson before a class: one step at a time in large type, led by keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from distill_core.language import _, counted
from distill_core.lessons import load_lessons
from pages.learn import blocks
from pages.learn.taught import Taught, go_to, link_to
from pages.ui.presenter.component import lectern
from pages.ui.presenting import STEP

Step = tuple[str, Callable[[], None]]


def steps(found: Taught) -> list[Step]:
    """Title and drawing of each step."""
    lesson = found.lesson
    return [
        (_(lesson.title), partial(_opening, found)),
        *((_(part.title), partial(blocks.text, part)) for part in lesson.parts),
        (_("The formula"), partial(blocks.formula, lesson)),
        (_("The experiment"), partial(blocks.experiment, found)),
        (_("Try it"), partial(blocks.control, found)),
        (_("A question"), partial(blocks.question, lesson)),
        (_("The answer"), partial(blocks.answer, found)),
        (_("Where to go from here"), partial(_ending, found)),
    ]


def show(found: Taught) -> None:
    every = steps(found)
    number = _number(st.query_params.get(STEP, ""), count=len(every))
    title, draw = every[number]
    # Before all else and always the same element: it keeps its keys while the steps change.
    with st.container(key="lectern-bar"):
        lectern(found.lesson.name, [one for one, _draw in every], step=number, go=partial(go_to, found))
    with st.container(key="presenting"):
        st.title(title, anchor=False)
        draw()


def _number(told: str, *, count: int) -> int:
    """The step of an address, which counts from 1; whatever else it says is the first."""
    try:
        number = int(told) - 1
    except ValueError:
        return 0
    return min(max(number, 0), count - 1)


def _opening(found: Taught) -> None:
    st.markdown(_(found.lesson.summary))
    st.caption(_("Lesson {number} of {count} · {minutes}").format(
        number=found.lesson.number, count=len(load_lessons()),
        minutes=counted("{number} minute", "{number} minutes", found.lesson.minutes),
    ))


def _ending(found: Taught) -> None:
    blocks.papers(found.lesson)
    lessons = load_lessons()
    place = lessons.index(found.lesson)
    if place + 1 < len(lessons):
        link_to(
            lessons[place + 1], _("Next: {title}").format(title=_(lessons[place + 1].title)),
            icon=":material/arrow_forward:", present=True,
        )
    link_to(found.lesson, _("Read this lesson"), icon=":material/menu_book:")
