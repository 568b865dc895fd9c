"""Takes a file from the browser to the disk at once, so that the server's memory holds it no longer than needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from distill_core.errors import LabError
from distill_core.shelf import Form
from pages.ui.guard import tell
from pages.ui.letting_go import let_go
from pages.ui.session import lab

UPLOAD, TURN = "data-upload", "data-upload-turn"
FORMS: dict[str, Form] = {".zip": "images", ".csv": "text", ".tsv": "text", ".txt": "text", ".npz": "arrays"}


@dataclass(frozen=True)
class Upload:
    """A file that lies on the disk and waits for how it is to be read."""

    path: Path
    file_name: str
    form: Form
    size_bytes: int


def waiting() -> Upload | None:
    """The file that this browser tab has brought and not yet had read."""
    found: Upload | None = st.session_state.get(UPLOAD)
    return found if found is None or found.path.exists() else None


def forget(*, delete: bool) -> None:
    """Make room for the next file; `delete` takes this one from the disk, unless it was moved to where it belongs."""
    upload: Upload | None = st.session_state.pop(UPLOAD, None)
    if delete and upload is not None:
        upload.path.unlink(missing_ok=True)


def take_file() -> None:
    """The drop zone; a file that has come is copied to the disk and let go of, and the page runs anew without it."""
    turn = st.session_state.get(TURN, 0)
    uploaded = st.file_uploader(
        "A zip of images, a table of texts, or arrays", type=[suffix[1:] for suffix in FORMS], key=f"upload-{turn}",
        help="The file stays on this machine. Nothing is read before you have said how.",
    )
    if uploaded is None:
        return
    try:
        with st.spinner("Copying it to the lab's disk …"):
            size_bytes = uploaded.size
            path = lab().shelf.keep_upload(uploaded, uploaded.name)
    except LabError as error:
        tell(error)
        return
    finally:
        let_go(uploaded)
    form = FORMS[Path(uploaded.name).suffix.lower()]
    st.session_state[UPLOAD] = Upload(path, uploaded.name, form, size_bytes)
    # Another key: the next run shows an empty drop zone, and Streamlit forgets the old one's state.
    st.session_state[TURN] = turn + 1
    st.rerun()
