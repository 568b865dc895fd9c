"""Mounts the field to draw in; what is drawn outlives a change to another way of giving a sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from distill_core.language import _

HERE = Path(__file__).parent
# Registered once a process: registering again would mount every field anew.
_mount = component(
    "distill_lab_pad",
    html='<div class="lab-root"></div>',
    css=(HERE / "pad.css").read_text(encoding="utf-8"),
    js=(HERE / "pad.js").read_text(encoding="utf-8"),
)


def drawing_pad(key: str, *, hint: str) -> list[Any]:
    """The strokes drawn so far, as `ingestion.drawing.strokes_of` reads them; empty for a blank field.

    `key` names the drawing: each keeps its own strokes for as long as the tab is open.
    """
    memory = f"drawn-in-{key}"
    found = _mount(
        key=key, data={
            "strokes": st.session_state.get(memory, []), "hint": hint, "label": _("Field to draw in"),
            "undo": _("Undo"), "clear": _("Clear"),
        },
        on_strokes_change=_nothing,
    )
    strokes = found.get("strokes")
    if isinstance(strokes, list):
        st.session_state[memory] = strokes
    kept: list[Any] = st.session_state.get(memory, [])
    return kept


def _nothing() -> None:
    """The script runs again by itself; Streamlit wants to know of the state's name."""
