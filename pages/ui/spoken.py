"""Which language a reader sees: what the address says, else what they chose, else what their browser asks for."""

from __future__ import annotations

from typing import get_args

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from distill_core.language import ENGLISH, LANGUAGES, Language, _, known, select_by

ADDRESS = "lang"
_KEPT = "language"


def spoken() -> Language:
    """The language of the script run that asks; English outside of any."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return ENGLISH
    return st.session_state.get(_KEPT) or _of_browser()


def settle() -> None:
    """At the start of a run: an address with a language wins, and the address tells a language that was chosen."""
    asked = known(st.query_params.get(ADDRESS))
    if asked is not None:
        st.session_state[_KEPT] = asked
    elif spoken() != _of_browser():
        st.query_params[ADDRESS] = spoken()


def of_address() -> dict[str, str]:
    """What a link to another page says of the language."""
    return {ADDRESS: spoken()} if ADDRESS in st.query_params else {}


def choose() -> None:
    """One press to the other language, which is told by its own name."""
    other = next(language for language in get_args(Language) if language != spoken())
    st.button(
        LANGUAGES[other], key="language-choice", icon=":material/translate:", type="tertiary", on_click=_take,
        args=(other,), help=_("Show everything in this language."),
    )


def _take(language: Language) -> None:
    st.session_state[_KEPT] = language
    st.query_params[ADDRESS] = language


def _of_browser() -> Language:
    return known(st.context.locale) or ENGLISH


# The one place that decides for all rooms below; fragments and callbacks run without the frame.
select_by(spoken)
