"""Mounts the answers of several networks side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from streamlit.components.v2 import component

from distill_core.language import _

HERE = Path(__file__).parent
# Registered once a process: registering again would mount every card anew.
_mount = component(
    "distill_lab_replies",
    html='<div class="lab-root"></div>',
    css=(HERE / "replies.css").read_text(encoding="utf-8"),
    js=(HERE / "replies.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Bar:
    """One class: its name, its probability in percent and as it is written, and whether it is the true one."""

    name: str
    percent: float
    share: str
    true: bool


@dataclass(frozen=True)
class Card:
    """One network: who it is, what it answered, and how long that took; plain text. Empty parts are left out."""

    name: str
    colour: str
    sub: str = ""
    answer: str = ""
    side: str = ""
    foot: str = ""
    bars: tuple[Bar, ...] = field(default=())


def show_cards(cards: Sequence[Card], *, key: str) -> None:
    """They stay in place when only their contents change, so that a slider moves the bars."""
    _mount(key=key, data={"cards": [asdict(card) for card in cards], "trueClass": _("{name}: the true class")})
