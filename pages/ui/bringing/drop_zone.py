"""Mounts the drop zone: a file goes to the disk with its progress, and the page learns its id."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from distill_core.charts.units import size
from distill_core.errors import LabError
from distill_core.language import _, current, marked, told
from distill_core.uploads import KINDS, Kind, Upload
from pages.ui.addresses import base_path
from pages.ui.guard import tell
from pages.ui.session import lab

HERE = Path(__file__).parent
WORDS = {
    "choose": marked("Choose a file"), "cancel": marked("Cancel"), "hint": marked("or drop it here. {hint}"),
    "tooLarge": marked("{file} has {size}; allowed: up to {most}. Choose a smaller file."),
    "uploading": marked("Uploading {file}"), "progress": marked("{file} · {done} of {total}"),
    "refused": marked("The server refused the file ({status}). Reload the page, then try again."),
    "broken": marked("The connection to the server broke. Try again; nothing is kept of half a file."),
}
# Registered once a process: registering again would mount every drop zone anew.
_mount = component(
    "distill_lab_drop_zone",
    html='<div class="lab-root"></div>',
    css=(HERE / "drop_zone.css").read_text(encoding="utf-8"),
    js=(HERE / "drop_zone.js").read_text(encoding="utf-8"),
)


def drop_zone(key: str, *, kind: Kind, label: str, hint: str, offered: Sequence[str] = ()) -> Upload | None:
    """A file that has just come, once; None before and after. `offered` are endings the file chooser shows."""
    try:
        permit = lab().uploads.pass_for(kind)
    except LabError as error:
        tell(error)
        return None
    most = KINDS[kind].most_bytes
    found: Any = _mount(
        key=key, on_came_change=_nothing,
        data={
            "base": base_path(), "permit": permit, "label": label, "hint": hint, "most": most,
            "mostShown": size(most), "language": current(), "words": {name: _(text) for name, text in WORDS.items()},
            "accept": ",".join(offered or KINDS[kind].suffixes),
        },
    )
    came = found.get("came")
    return taken(came) if isinstance(came, str) else None


def taken(upload_id: str) -> Upload | None:
    """The file of an id that a browser told; trouble is told on the page."""
    try:
        return lab().uploads.get(upload_id)
    except LabError as error:
        tell(error)
        return None


def _nothing() -> None:
    """The script runs again by itself; Streamlit wants to know of the trigger's name."""


def let_it_go(upload: Upload) -> None:
    """Delete a file that is not wanted any more; who may not is told."""
    try:
        lab().uploads.discard(upload.upload_id)
    except LabError as error:
        st.toast(told(error.sentence))
