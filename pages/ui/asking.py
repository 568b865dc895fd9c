"""Asks once more, in place, before something that cannot be undone."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from distill_core.charts.names import markdown_name
from distill_core.errors import LabError
from distill_core.language import _
from pages.ui.guard import tell

_ASKED, _TOLD = "asking-about", "asking-told"


def ask(about: str) -> None:
    """Ask about this from the next run of the page on; one thing at a time."""
    st.session_state[_ASKED] = about


def asked(about: str, question: str, *, sure: str, icon: str, work: Callable[[], str]) -> None:
    """The question, if it is asked: `question` is Markdown, `sure` the button's word; `work` returns what to tell."""
    if st.session_state.get(_ASKED) != about:
        return
    with st.container(border=True, key=f"asking-{about}"):
        st.markdown(question)
        with st.container(horizontal=True):
            agreed = st.button(sure, key=f"{about}-sure", type="primary", icon=icon, help=_("This cannot be undone."))
            st.button(_("Leave it"), key=f"{about}-not", help=_("Nothing changes."), on_click=forget)
        if agreed:
            try:
                with st.spinner(_("Working …"), show_time=True):
                    done = work()
            except LabError as error:
                tell(error)
                return
            forget()
            say(done)


def forget() -> None:
    st.session_state.pop(_ASKED, None)


def say(done: str) -> None:
    """Tell what was done at the top of the page, which is run again as things are now."""
    st.session_state[_TOLD] = done
    st.rerun()


def show_told() -> None:
    """What was done a moment ago."""
    if done := st.session_state.pop(_TOLD, ""):
        st.success(markdown_name(done, 200), icon=":material/check_circle:")
