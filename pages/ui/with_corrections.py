"""The form's part in corrections: it may begin with a set of them, and says whether they are learnt from."""

from __future__ import annotations

from typing import Any

import streamlit as st

from distill_core.charts.names import markdown_name
from distill_core.correction_sets import CorrectionsUnusable
from distill_core.spec import LONGEST_NAME
from pages.ui import words
from pages.ui.fields import Fields
from pages.ui.guard import tell
from pages.ui.session import lab

Json = dict[str, Any]
_ENDING = ", corrected"


def told(source: str, corrections: str) -> str:
    """Say what the form repeats, and with which corrections; returns what `settings` makes the form of.

    Raises NotFound.
    """
    name = markdown_name(lab().experiment(source).row.name, 60)
    if corrections:
        try:
            facts = lab().corrections.frozen(corrections)
        except CorrectionsUnusable as error:
            tell(error)
            return source
        st.info(
            f"Same as **{name}**, and its corrections: {words.corrections(facts.learnt)} to learn from, "
            f"{facts.held_back:,} held back to check. The result compares both experiments.",
            icon=":material/rate_review:",
        )
        return f"{source}/{corrections}"
    st.info(
        f"Same as **{name}**, but: change what you like. Whatever stays the same is reused, not trained again.",
        icon=":material/content_copy:",
    )
    return source


def settings(origin: str) -> Json:
    """The settings of an experiment, with the corrections that the form begins with."""
    source, _, corrections = origin.partition("/")
    spec = lab().experiment(source).spec.to_json()
    if corrections:
        spec["data"]["corrections"] = corrections
        spec["name"] = spec["name"].removesuffix(_ENDING)[: LONGEST_NAME - len(_ENDING)] + _ENDING
    return spec


def field(fields: Fields, corrections: str) -> str:
    """Whether to learn from the set of corrections that the form holds; nothing is shown without one."""
    if not corrections:
        return ""
    try:
        facts = lab().corrections.frozen(corrections)
        label = f"Learn from {words.corrections(facts.learnt)} too"
        help_text = (
            f"Corrected answers of experiment {facts.experiment_id}, added to the labels of teacher and students. "
            f"{facts.held_back:,} more are held back: no network learns from them, and the result tells how many of "
            "them are answered rightly before and after."
        )
    except CorrectionsUnusable:
        # The check of the whole form tells what is wrong with it, below this field.
        label, help_text = "Learn from corrections too", "This set of corrections cannot be used; switch it off."
    chosen = st.toggle(label, value=True, key=fields.key("data.corrections"), help=help_text)
    fields.slot("data.corrections")
    return corrections if chosen else ""
