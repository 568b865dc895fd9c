"""Mounts the button that copies the page's address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from streamlit.components.v2 import component

from distill_core.language import _

HERE = Path(__file__).parent
# Registered once a process: registering again would mount every button anew.
_mount = component(
    "distill_lab_copying",
    html='<div class="lab-root"></div>',
    css=(HERE / "copying.css").read_text(encoding="utf-8"),
    js=(HERE / "copying.js").read_text(encoding="utf-8"),
)


def copy_address(parameters: Mapping[str, str], *, key: str, without: Sequence[str] = ()) -> None:
    """A button that copies the address with these parameters set and others taken out."""
    _mount(
        key=key,
        data={
            "parameters": dict(parameters), "without": list(without),
            "words": {
                "copy": _("Copy link"), "copied": _("Copied"), "address": _("Address of this page"),
                "byHand": _("Copy this address:"),
            },
        },
    )
