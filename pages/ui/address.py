"""Keeps a widget and the page's address in step by ids; Streamlit's own binding would write the shown names."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.elements.lib.mutable_tab_container import TabContainer

from distill_core.language import _


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


def chosen(key: str, options: Sequence[str], *, default: str | None = None) -> str:
    """Before a chooser of one is drawn, `read`; returns the default, the first option without one."""
    first = options[0] if default is None else default
    read(key, default=[first], allowed=options, single=True)
    if st.session_state[key] not in options:
        st.session_state[key] = first
    return first


def tabs(names: Sequence[str], *, key: str = "tab") -> dict[str, TabContainer]:
    """Tabs by their English names, which the address has; readers see them in their language."""
    shown = {name: _(name) for name in names}
    told, memory = st.query_params.get(key), _memory(key)
    written = st.session_state.get(memory)
    changed = written is not None and written != told
    if st.session_state.get(key) not in shown.values() or changed:
        st.session_state[key] = shown.get(told or "", shown[names[0]])
    made = dict(zip(names, st.tabs(list(shown.values()), key=key, on_change="rerun"), strict=True))
    opened = next((name for name, tab in made.items() if tab.open), names[0])
    found = None if opened == names[0] else opened
    if found != st.query_params.get(key):
        if found is None:
            st.query_params.pop(key, None)
        else:
            st.query_params[key] = found
    st.session_state[memory] = found
    return made


def _memory(key: str) -> str:
    return f"address-of-{key}"
