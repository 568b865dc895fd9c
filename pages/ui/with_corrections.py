"""The form's part in corrections: it may begin with a set of them, and says whether they are learnt from."""

from __future__ import annotations

from typing import Any

import streamlit as st

from distill_core.charts.names import markdown_name
from distill_core.correction_sets import CorrectionsUnusable
from distill_core.language import _
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
            _(
                "Same as **{name}**, and its corrections: {corrections} to learn from, {held_back:,} held back to "
                "check. The result compares both experiments."
            ).format(name=name, corrections=words.corrections(facts.learnt), held_back=facts.held_back),
            icon=":material/rate_review:",
        )
        return f"{source}/{corrections}"
    st.info(
        _(
            "Same as **{name}**, but: change what you like. Whatever stays the same is reused, not trained again."
        ).format(name=name),
        icon=":material/content_copy:",
    )
    return source


def settings(origin: str) -> Json:
    """The settings of an experiment, with the corrections that the form begins with."""
    source, _slash, corrections = origin.partition("/")
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
        label = _("Learn from {corrections} too").format(corrections=words.corrections(facts.learnt))
        help_text = _(
            "Corrected answers of experiment {experiment_id}, added to the labels of teacher and students. "
            "{held_back:,} more are held back: no network learns from them, and the result tells how many of them are "
            "answered rightly before and after."
        ).format(experiment_id=facts.experiment_id, held_back=facts.held_back)
    except CorrectionsUnusable:
        # The check of the whole form tells what is wrong with it, below this field.
        label = _("Learn from corrections too")
        help_text = _("This set of corrections cannot be used; switch it off.")
    chosen = st.toggle(label, value=True, key=fields.key("data.corrections"), help=help_text)
    fields.slot("data.corrections")
    return corrections if chosen else ""
