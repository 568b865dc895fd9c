"""Latency measured on other machines: how to measure there, and the upload of what came of it."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import markdown_text, plain_name
from distill_core.errors import LabError
from distill_core.language import _, marked, told
from pages.ui.letting_go import let_go
from pages.ui.session import lab

TURN, TOLD, CAME = "latency-upload-turn", "latency-upload-told", "latency-upload-came"
HOW = marked(
    "A phone, a Raspberry Pi or a server joins the same chart:\n"
    "1. Download a run's bundle on its experiment's page and copy it there.\n"
    "2. In its folder: `pip install onnxruntime numpy`, then `python measure.py --batch 1 32`.\n"
    "3. Bring the JSON file that it names."
)


def arrived() -> list[str]:
    """The ids of results that have just come, once; call it before any widget is drawn."""
    found: list[str] = st.session_state.pop(CAME, [])
    return found


def show_elsewhere(experiment_ids: list[str]) -> None:
    """How it is done, and the drop zone; what has come is kept and the page runs anew without it."""
    with st.expander(_("Measured elsewhere"), icon=":material/devices:", key="elsewhere"):
        st.markdown(_(HOW))
        turn = st.session_state.get(TURN, 0)
        files = st.file_uploader(
            _("JSON files of measure.py"), type=["json"], key=f"latency-upload-{turn}", accept_multiple_files=True,
            max_upload_size=8, help=_("They must be of models that the chosen experiments exported."),
        )
        for sentence in st.session_state.get(TOLD, []):
            st.error(markdown_text(sentence), icon=":material/error:")
    if not files:
        return
    came: list[str] = []
    refused: list[str] = []
    for file in files:
        try:
            came.append(lab().latency.take_in(file.getvalue(), experiment_ids))
        except LabError as error:
            refused.append(f"{plain_name(file.name, 60)}: {told(error.sentence)}")
        finally:
            let_go(file)
    # Another key: the next run shows an empty drop zone.
    st.session_state[TURN], st.session_state[TOLD], st.session_state[CAME] = turn + 1, refused, came
    st.rerun()
