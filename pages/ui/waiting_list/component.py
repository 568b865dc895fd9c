"""Mounts the list of waiting experiments; it tells what its reader wants moved or removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from streamlit.components.v2 import component

from distill_core.charts.names import plain_name
from distill_core.language import _, marked, told
from distill_core.queue import Waiting
from pages.ui.live.routes import base_path

HERE = Path(__file__).parent
WORDS = {
    "handle": marked("Drag, or use the arrow keys"), "front": marked("To the front"), "up": marked("Up"),
    "down": marked("Down"), "remove": marked("Remove from the queue"),
    "said": marked("{name}: place {place} of {total}"),
}
# Registered once a process: registering again would mount every list anew.
_mount = component(
    "distill_lab_waiting",
    html='<div class="lab-root"></div>',
    css=(HERE / "waiting.css").read_text(encoding="utf-8"),
    js=(HERE / "waiting.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Wish:
    """What the reader wants done with one experiment; `to` is the place it shall have, counted from 1."""

    action: Literal["move", "remove"]
    experiment_id: str
    to: int = 0


def waiting_list(waiting: Sequence[Waiting], *, mine: frozenset[str], key: str) -> Wish | None:
    """The list in its order; `mine` may be moved and removed. Returns a wish in the run after it was made."""
    found = _mount(
        key=key,
        data={
            "items": [
                {
                    "id": one.row.experiment_id, "name": plain_name(one.row.name, 80), "why": told(one.why),
                    "facts": plain_name(f"{one.row.dataset} · {_wanted(one.row.device)}", 80),
                    "mine": one.row.experiment_id in mine,
                }
                for one in waiting
            ],
            "base": base_path(), "words": {name: _(text) for name, text in WORDS.items()},
        },
        on_wish_change=_nothing,
    )
    return wish_of(found.get("wish"), known={one.row.experiment_id for one in waiting})


def wish_of(said: Any, *, known: set[str]) -> Wish | None:
    """What a browser told, which may be anything; None for what is no wish about those who wait."""
    if not isinstance(said, dict) or said.get("id") not in known:
        return None
    to = said.get("to")
    if said.get("action") == "remove":
        return Wish("remove", str(said["id"]))
    if said.get("action") == "move" and isinstance(to, int) and to >= 1:
        return Wish("move", str(said["id"]), to)
    return None


def _wanted(device: str) -> str:
    return _("first free device") if device == "auto" else device


def _nothing() -> None:
    """The script runs again by itself; Streamlit wants to know of the wish's name."""
