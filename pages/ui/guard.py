"""Failures as one sentence: what users can mend is told in words, all else gets an id and goes to the log."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.errors import LabError, NotFound, SpecError
from distill_core.language import _, told
from pages.ui import places

log = logging.getLogger("distill_lab.pages")


def tell_failure(error: Exception) -> bool:
    """Show an exception as a sentence; True tells Streamlit that nothing more need be shown."""
    if isinstance(error, LabError):
        if isinstance(error, NotFound):
            # The page ended before its own title; one without any is hard to find one's way in by ear.
            st.title(_("Not found"), anchor=False)
        tell(error)
        return True
    error_id = secrets.token_hex(4)
    log.error("error %s", error_id, exc_info=error)
    st.error(
        _(
            "This page could not be shown. Reload it; if that does not help, look for error **{error_id}** in the "
            "server's log."
        ).format(error_id=error_id),
        icon=":material/error:",
    )
    return True


def tell(error: LabError) -> None:
    """A user's error as text; Markdown in names they typed stays plain."""
    if isinstance(error, NotFound):
        st.warning(markdown_text(told(error.sentence)), icon=":material/search_off:")
        places.link(places.HOME, _("All experiments"), icon=":material/arrow_back:")
    elif isinstance(error, SpecError) and len(error.problems) > 1:
        lines = "\n".join(f"- {markdown_text(told(str(problem)))}" for problem in error.problems)
        st.error(lines, icon=":material/error:", title=_(
            "{count} fields need a change"
        ).format(count=len(error.problems)))
    else:
        st.error(markdown_text(told(error.sentence)), icon=":material/error:")


@contextmanager
def guarded() -> Iterator[None]:
    """Everything below fails as a sentence."""
    try:
        yield
    except Exception as error:
        tell_failure(error)
