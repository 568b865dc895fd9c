"""All lessons: what each is about, how long it takes, and whether its experiment is there."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.classroom import Standing
from distill_core.errors import LabError
from distill_core.language import _, counted, told
from distill_core.lessons import Lesson
from distill_core.spec import ExperimentSpec
from pages.learn.taught import link_to
from pages.ui import account
from pages.ui.guard import tell
from pages.ui.session import lab


def show() -> None:
    standings = lab().lessons.standings()
    st.title(_("Learn"), anchor=False)
    st.markdown(_(
        "Short lessons on what distillation does, each on an experiment that really runs on this machine. Read them in "
        "order, or show them to a class: every lesson can be presented."
    ))
    _prepare(standings)
    if any(standing.is_moving for _lesson, standing in standings):
        _cards_live(tuple(standing.state for _lesson, standing in standings))
    else:
        _cards(standings)


def _prepare(standings: list[tuple[Lesson, Standing]]) -> None:
    """For whoever teaches: everything ready before the class comes."""
    missing = [lesson for lesson, standing in standings if standing.is_missing]
    moving = sum(standing.is_moving for _lesson, standing in standings)
    ready = sum(standing.is_ready for _lesson, standing in standings)
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="prepare-all"):
        with st.container(width="stretch", gap="xxsmall"):
            st.markdown(_("**{ready} of {count} experiments are ready.**").format(ready=ready, count=len(standings)))
            st.caption(_(
                "They train small networks on the digits that come with the lab: no download, no GPU. What lessons "
                "have in common is trained once."
            ) if missing else counted(
                "{number} is on its way.", "{number} are on their way.", moving
            ) if moving else _("Nothing is left to prepare."))
        if missing:
            _prepare_button(len(missing))
    if missing and not account.may_launch():
        st.caption(f":material/visibility: {account.why_not()}")


def _prepare_button(missing: int) -> None:
    if st.button(
        _("Prepare all"), key="prepare", type="primary", icon=":material/playlist_play:",
        disabled=not account.may_launch(),
        help=counted(
            "Puts the experiment of {number} lesson into the queue.",
            "Puts the experiments of {number} lessons into the queue.", missing,
        ) if account.may_launch() else account.why_not(),
    ):
        try:
            with st.spinner(_("Starting …")):
                lab().lessons.prepare()
        except LabError as error:
            tell(error)
            return
        st.rerun()


@st.fragment(run_every="2s", key="lessons-live")
def _cards_live(drawn: tuple[str | None, ...]) -> None:
    """The list while an experiment of it moves."""
    standings = lab().lessons.standings()
    if tuple(standing.state for _lesson, standing in standings) != drawn:
        st.rerun()
    _cards(standings)


def _cards(standings: list[tuple[Lesson, Standing]]) -> None:
    with st.container(key="lessons"):
        grid = st.grid(2, min_column_width=320, border=True)
    for lesson, standing in standings:
        with grid.cell():
            st.markdown(f"**{lesson.number} · {_(lesson.title)}**")
            st.markdown(_(lesson.summary))
            st.caption(f"{_minutes(lesson)} · {needs(standing.spec)}")
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                link_to(lesson, _("Open"), icon=":material/menu_book:")
                link_to(lesson, _("Present"), icon=":material/slideshow:", present=True)
                readiness(standing)


def _minutes(lesson: Lesson) -> str:
    return counted("{number} minute", "{number} minutes", lesson.minutes)


def needs(spec: ExperimentSpec) -> str:
    """What an experiment takes: its data and how many networks it trains."""
    networks = len(spec.teachers) + len(spec.students) * len(spec.seeds)
    return _("{dataset}, {networks}").format(
        dataset=markdown_text(told(lab().catalogue().datasets[spec.data.dataset.name].title)),
        networks=counted("{number} network", "{number} networks", networks),
    )


def readiness(standing: Standing) -> None:
    """In a word and a colour, whether the experiment is there."""
    if standing.is_ready:
        st.badge(_("experiment ready"), icon=":material/check_circle:", color="green")
    elif standing.is_moving:
        st.badge(_("experiment on its way"), icon=":material/play_circle:", color="blue")
    elif standing.experiment_id:
        st.badge(_("experiment not finished"), icon=":material/pause_circle:", color="orange")
    else:
        st.badge(_("not started yet"), icon=":material/radio_button_unchecked:", color="gray")
