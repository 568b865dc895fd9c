"""Launching from a page: one press, one experiment, however often the browser sends it."""

from __future__ import annotations

import time
import uuid

import streamlit as st

from distill_core.errors import LabError
from distill_core.language import _, told
from distill_core.planned import digest
from distill_core.presets import Preset
from distill_core.spec import ExperimentSpec
from pages.ui import account, places
from pages.ui.guard import tell
from pages.ui.session import lab

DEMO = "digits"
DOUBLE_CLICK_SECONDS = 5.0


def launch(spec: ExperimentSpec, *, purpose: str, **address: str) -> None:
    """Launch and move to the live page, with more of its address if given.

    The second press of a double click finds what the first one made.
    """
    key = pressed_key(purpose, digest(spec.to_json()))
    try:
        experiment_id = lab().launch(spec, idempotency_key=key)
    except LabError as error:
        tell(error)
        return
    places.go(places.EXPERIMENT, id=experiment_id, **address)


def pressed_key(purpose: str, content: str) -> str:
    """The idempotency key of this press: that of the press before if it was of the same content a moment ago."""
    slot, now = f"launch-{purpose}", time.monotonic()
    key, pressed_at = st.session_state.get(slot, ("", float("-inf")))
    if now - pressed_at > DOUBLE_CLICK_SECONDS or not key.endswith(content):
        key = f"{uuid.uuid4().hex}-{content}"
    # Kept before the launch: a second press interrupts this run wherever it is.
    st.session_state[slot] = (key, now)
    return str(key)


def demo() -> Preset:
    """The preset that needs no data, no network and no GPU."""
    return next(preset for preset in lab().presets() if preset.name == DEMO)


def demo_button(*, key: str, primary: bool) -> None:
    """The one click to a real distillation."""
    if st.button(
        _("Run the digits demo"), key=key, icon=":material/play_arrow:", type="primary" if primary else "secondary",
        disabled=not account.may_launch(),
        help=_(
            "Trains a teacher, the student alone and the distilled student on real handwriting; about a minute on a "
            "CPU."
        ) if account.may_launch() else account.why_not(),
    ):
        launch(demo().spec, purpose=f"demo-{key}")


def preset_cards() -> None:
    """Every preset as a card that opens in the form."""
    presets = lab().presets()
    grid = st.grid(2, min_column_width=300, border=True)
    for preset in presets:
        with grid.cell():
            st.markdown(f"**{told(preset.title)}**")
            st.caption(told(preset.summary))
            places.link(
                places.NEW, _("Open in the form · needs your data") if preset.needs_path
                else _("Open in the form · ready to run"), icon=":material/tune:",
                preset=preset.name,
            )
