"""The Learn section: the list of lessons, or the one that the address names, to read or to present."""

from __future__ import annotations

import streamlit as st

from distill_core.errors import UnknownName
from distill_core.language import _
from distill_core.lessons import find_lesson
from pages.learn import overview, presenting, reading, taught
from pages.ui import places
from pages.ui.guard import tell
from pages.ui.presenting import LESSON, PRESENT, STEP, is_presenting

TOLD = "address-of-lessons"


def show(name: str) -> None:
    try:
        lesson = find_lesson(name)
    except UnknownName as error:
        tell(error)
        places.link(places.LEARN, _("All lessons"), icon=":material/arrow_back:")
        return
    if is_presenting():
        presenting.show(taught.now(lesson))
    else:
        reading.show(taught.now(lesson))


def tell_address() -> None:
    """Have the browser show where one is.

    It does not by itself after a link from this page to this page, nor after what a key has set. Only when this has
    changed: components write into the address too, which the server does not know, and would be overwritten.
    """
    here = tuple(st.query_params.get(name, "") for name in (LESSON, PRESENT, STEP, taught.SPEC))
    if st.session_state.get(TOLD) != here:
        st.session_state[TOLD] = here
        st.query_params.from_dict(st.query_params.to_dict())


tell_address()
chosen = st.query_params.get(LESSON, "")
if chosen:
    show(chosen)
else:
    overview.show()
