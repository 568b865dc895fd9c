"""Mounts the lectern: where in a lesson one is, and the keys that lead on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from distill_core.language import _

HERE = Path(__file__).parent
_KEY = "lectern"
# Registered once a process: registering again would mount every lectern anew.
_mount = component(
    "distill_lab_lectern",
    html='<div class="lab-root"></div>',
    css=(HERE / "presenter.css").read_text(encoding="utf-8"),
    js=(HERE / "presenter.js").read_text(encoding="utf-8"),
)


def lectern(lesson: str, titles: Sequence[str], *, step: int, go: Callable[[int | None], None]) -> None:
    """Dots, buttons and keys for the steps of these titles; `step` counts from 0.

    `go` is called before the next run of the page with the step that was asked for, or None to leave.
    """

    def asked() -> None:
        wanted = step_of(st.session_state.get(_KEY), steps=len(titles))
        if wanted is not None:
            go(None if wanted < 0 else wanted)

    _mount(
        key=_KEY, on_go_change=asked,
        data={
            "lesson": lesson, "step": step, "titles": list(titles),
            "words": {"next": _("Next"), "back": _("Back"), "leave": _("Leave (Esc)")},
        },
    )


def step_of(told: Any, *, steps: int) -> int | None:
    """The step that a browser told, -1 to leave; None for anything else it may send."""
    wanted = told.get("go") if hasattr(told, "get") else None
    if isinstance(wanted, bool) or not isinstance(wanted, int | float) or wanted != int(wanted):
        return None
    return int(wanted) if -1 <= wanted < steps else None
