"""Launching from a page: one press, one experiment, however often the browser sends it."""

from __future__ import annotations

import uuid

import streamlit as st

from distill_core.errors import LabError
from distill_core.presets import Preset
from distill_core.spec import ExperimentSpec
from pages.ui import places
from pages.ui.guard import tell
from pages.ui.session import lab

DEMO = "digits"


def launch(spec: ExperimentSpec, *, purpose: str) -> None:
    """Launch and move to the live page. A repeated press finds the experiment that the first one made."""
    slot = f"launch-key-{purpose}"
    key = st.session_state.setdefault(slot, uuid.uuid4().hex)
    try:
        experiment_id = lab().launch(spec, idempotency_key=key)
    except LabError as error:
        tell(error)
        return
    del st.session_state[slot]
    places.go(places.EXPERIMENT, id=experiment_id)


def demo() -> Preset:
    """The preset that needs no data, no network and no GPU."""
    return next(preset for preset in lab().presets() if preset.name == DEMO)


def demo_button(*, key: str, primary: bool) -> None:
    """The one click to a real distillation."""
    if st.button(
        "Run the digits demo", key=key, icon=":material/play_arrow:", type="primary" if primary else "secondary",
        help=(
            "Trains a teacher, the student alone and the distilled student on real handwriting; about a minute on a "
            "CPU."
        ),
    ):
        launch(demo().spec, purpose=f"demo-{key}")


def preset_cards() -> None:
    """Every preset as a card that opens in the form."""
    presets = lab().presets()
    grid = st.grid(2, min_column_width=300, border=True)
    for preset in presets:
        with grid.cell():
            st.markdown(f"**{preset.title}**")
            st.caption(preset.summary)
            note = "needs a folder of images" if preset.needs_path else "ready to run"
            places.link(places.NEW, f"Open in the form · {note}", icon=":material/tune:", preset=preset.name)
