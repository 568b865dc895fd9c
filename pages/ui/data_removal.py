"""Removing a data set with a way back: the removed one is remembered until the next."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import markdown_name
from pages.ui.session import lab

KEY = "removed-data-set"


def remove(data_id: str, name: str) -> None:
    """Take a data set off the list and remember it for the undo bar. Raises NotFound."""
    lab().shelf.remove(data_id)
    st.session_state[KEY] = (data_id, name)


def _restore() -> None:
    data_id, _ = st.session_state.pop(KEY)
    lab().shelf.restore(data_id)


def forget() -> None:
    st.session_state.pop(KEY, None)


def show_bar() -> None:
    """The bar that offers to bring back what was removed last."""
    removed = st.session_state.get(KEY)
    if removed is None:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/delete: {markdown_name(removed[1], 60)} was removed.", width="stretch")
        st.button(
            "Undo", icon=":material/undo:", key="undo-removal", on_click=_restore, help="Puts it back on the list.",
        )
        st.button("Dismiss", key="forget-removal", type="tertiary", on_click=forget, help="Hides this bar.")
