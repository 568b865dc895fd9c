"""Failures as one sentence: what users can mend is told in words, all else gets an id and goes to the log."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.errors import LabError, NotFound, SpecError
from pages.ui import places

log = logging.getLogger("distill_lab.pages")


def tell_failure(error: Exception) -> bool:
    """Show an exception as a sentence; True tells Streamlit that nothing more need be shown."""
    if isinstance(error, LabError):
        tell(error)
        return True
    error_id = secrets.token_hex(4)
    log.error("error %s", error_id, exc_info=error)
    st.error(
        f"This page could not be shown. Reload it; if that does not help, look for error **{error_id}** in the "
        "server's log.",
        icon=":material/error:",
    )
    return True


def tell(error: LabError) -> None:
    """A user's error as text; Markdown in names they typed stays plain."""
    if isinstance(error, NotFound):
        st.warning(markdown_text(error.sentence), icon=":material/search_off:", title="Not found")
        places.link(places.HOME, "All experiments", icon=":material/arrow_back:")
    elif isinstance(error, SpecError) and len(error.problems) > 1:
        lines = "\n".join(f"- {markdown_text(str(problem))}" for problem in error.problems)
        st.error(lines, icon=":material/error:", title=f"{len(error.problems)} fields need a change")
    else:
        st.error(markdown_text(error.sentence), icon=":material/error:")


@contextmanager
def guarded() -> Iterator[None]:
    """Everything below fails as a sentence."""
    try:
        yield
    except Exception as error:
        tell_failure(error)
