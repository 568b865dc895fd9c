"""Keeps a widget and the page's address in step by ids; Streamlit's own binding would write the shown names."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st


def read(key: str, *, default: Sequence[str] = (), allowed: Sequence[str] | None = None, single: bool = False) -> None:
    """Before the widget is drawn: give it what the address says, at first and whenever the address was changed."""
    told = st.query_params.get_all(key)
    written = st.session_state.get(_memory(key))
    if key in st.session_state and (written is None or told == written):
        return
    known = [value for value in told if allowed is None or value in allowed] or list(default)
    if single:
        st.session_state[key] = known[0] if known else None
    else:
        st.session_state[key] = known


def write(key: str, values: Sequence[str], *, default: Sequence[str] = ()) -> None:
    """After the widget is drawn: the address says what was chosen; the default is left out."""
    shown = [] if list(values) == list(default) else list(values)
    if st.query_params.get_all(key) != shown:
        if shown:
            st.query_params[key] = shown
        else:
            st.query_params.pop(key, None)
    st.session_state[_memory(key)] = shown


def _memory(key: str) -> str:
    return f"address-of-{key}"
