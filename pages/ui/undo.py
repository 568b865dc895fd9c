"""Deleting with a way back: the deleted experiment is remembered until the next one."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import markdown_name
from pages.ui.session import lab

KEY = "deleted-experiment"


def delete(experiment_id: str, name: str) -> None:
    """Take an experiment off the list and remember it for the undo bar."""
    lab().delete(experiment_id)
    st.session_state[KEY] = (experiment_id, name)


def _restore() -> None:
    experiment_id, _ = st.session_state.pop(KEY)
    lab().undelete(experiment_id)


def _forget() -> None:
    st.session_state.pop(KEY, None)


def show_bar() -> None:
    """The bar that offers to bring back what was deleted last."""
    deleted = st.session_state.get(KEY)
    if deleted is None:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/delete: {markdown_name(deleted[1], 60)} was deleted.", width="stretch")
        st.button(
            "Undo", icon=":material/undo:", key="undo-delete", on_click=_restore, help="Puts it back on the list.",
        )
        st.button("Dismiss", key="forget-delete", type="tertiary", on_click=_forget, help="Hides this bar.")
