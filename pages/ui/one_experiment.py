"""The one experiment that a page is about: the address names it, or the reader chooses."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from distill_core.charts.names import plain_name
from distill_core.language import _
from pages.ui import places
from pages.ui.rivals import told_apart
from pages.ui.session import lab

LATEST = 50


def chosen_experiment(place: str, *, title: str, about: str, help: str, offer: Callable[[], None]) -> str:
    """The id in the address of `place`; without one, experiments with a trained network to choose from, and nothing.

    `offer` says what to do where there is none yet.
    """
    if experiment_id := st.query_params.get("id", ""):
        return experiment_id
    st.title(title, anchor=False)
    st.markdown(about)
    found = [row for row in lab().experiments(limit=LATEST) if row.runs_done]
    if not found:
        offer()
        return ""
    names = told_apart({row.experiment_id: plain_name(row.name, 60) for row in found})
    chosen = st.selectbox(
        _("Experiment"), list(names), index=None, key="of", format_func=lambda one: names[one],
        placeholder=_("Choose an experiment"), help=help, width=520,
    )
    if chosen:
        places.go(place, id=chosen)
    return ""


def offer_a_new_one(sentence: str) -> None:
    """That there is nothing to choose, and the way to have something."""
    st.info(sentence, icon=":material/science:")
    places.link(places.NEW, _("New experiment"), icon=":material/add_circle:")
