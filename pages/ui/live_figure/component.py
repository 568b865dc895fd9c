"""Mounts a figure that follows its sweep; tells which trial its reader pressed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import plotly
import streamlit as st
from streamlit.components.v2 import component
from streamlit.components.v2.types import ComponentRenderer

from distill_core.language import _, current, marked
from pages.ui.addresses import base_path
from pages.ui.live.component import REFUSED
from pages.ui.live_figure.wanted import Wanted
from pages.ui.scripts import joined_script

HERE = Path(__file__).parent
WORDS = {
    "waiting": marked("The figure is on its way."), "paused": marked("Paused while hidden"), "live": marked("Live"),
    "png": marked("Download plot as PNG"), "gone": marked("This sweep is not there any more."),
    "offline": marked("No connection to the server; trying again"), "refused": REFUSED,
}


def _renderer() -> ComponentRenderer:
    return component(
        "distill_lab_sweep_figure",
        html='<div class="lab-root"></div>',
        css=(HERE / "figure.css").read_text(encoding="utf-8"),
        js=joined_script(HERE / "figure.js"),
        # Plotly writes its styles into the document's head; a shadow root would not see them.
        isolate_styles=False,
    )


# Registered once a process: registering again would remount every figure.
_mount = _renderer()


def sweep_figure(
    sweep_id: str, wanted: Wanted, *, moving: bool, label: str, chosen: int | None, on_trial: Callable[[int], None]
) -> None:
    """The figure, which needs no script run to follow its sweep; `moving` restarts the asking of one that goes on.

    `label` describes it to screen readers; `chosen` is the trial that is outlined on a map. `on_trial` is called with
    a trial's number when its reader presses it.
    """
    key = f"figure-{sweep_id}"

    def pressed() -> None:
        number = trial_of(st.session_state.get(key))
        if number is not None:
            on_trial(number)

    _mount(
        key=key,
        data={
            "address": f"/lab/sweep/{sweep_id}?{wanted.query()}&lang={current()}",
            "moving": moving, "label": label, "chosen": chosen,
            "words": {name: _(text) for name, text in WORDS.items()}, "base": base_path(),
            "plotly": plotly.__version__, "file": f"sweep-{wanted.view}-{sweep_id}",
        },
        on_cell_change=pressed,
    )


def trial_of(said: Any) -> int | None:
    """The trial that a browser named, which may have said anything."""
    number = said.get("cell") if hasattr(said, "get") else None
    if isinstance(number, bool) or not isinstance(number, int | float) or number != int(number):
        return None
    return int(number) if number >= 0 else None
