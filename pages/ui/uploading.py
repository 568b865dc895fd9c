"""Which file waits on the Data page to be read: brought by the drop zone, kept on the disk by its id."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from distill_core.language import _
from distill_core.shelf import Form
from distill_core.uploads import Upload as Brought
from pages.ui.bringing.drop_zone import drop_zone, let_it_go

UPLOAD = "data-upload"
FORMS: dict[str, Form] = {".zip": "images", ".csv": "text", ".tsv": "text", ".txt": "text", ".npz": "arrays"}


@dataclass(frozen=True)
class Upload:
    """A file that lies on the disk and waits for how it is to be read."""

    brought: Brought
    form: Form

    @property
    def path(self) -> Path:
        return self.brought.path

    @property
    def file_name(self) -> str:
        return self.brought.file_name

    @property
    def size_bytes(self) -> int:
        return self.brought.size_bytes


def waiting() -> Upload | None:
    """The file that this browser tab has brought and not yet had read."""
    found: Upload | None = st.session_state.get(UPLOAD)
    return found if found is None or found.path.exists() else None


def forget() -> None:
    """Make room for the next file; what was not moved to where it belongs is deleted."""
    upload: Upload | None = st.session_state.pop(UPLOAD, None)
    if upload is not None:
        let_it_go(upload.brought)


def take_file() -> None:
    """The drop zone; a file that has come is kept in mind, and the page runs anew without the zone."""
    brought = drop_zone(
        "data-drop-zone", kind="data", label=_("A zip of images, a table of texts, or arrays"),
        hint=_(
            "{endings}. It stays on this machine; nothing is read before you have said how."
        ).format(endings=", ".join(FORMS)),
    )
    if brought is None:
        return
    st.session_state[UPLOAD] = Upload(brought, FORMS[Path(brought.file_name).suffix.lower()])
    st.rerun()
