"""Shipping a run: download its bundle, or ask for its export first."""

from __future__ import annotations

import math

import streamlit as st

from distill_core.charts.names import lineage_name, markdown_text, plain_name
from distill_core.errors import LabError
from distill_core.rows import ExperimentView, RunRow
from pages.ui import words
from pages.ui.artifact_routes import artifact_address
from pages.ui.session import lab

CONTENTS = (
    "model.onnx (the data as they are in), labels, test samples with expected answers, a model card, the spec and ten "
    "lines of Python."
)

FILES = (
    ("Whole log", "worker.log", "What the worker wrote, from its beginning."),
    ("Result as JSON", "result.json", "Verdicts and all runs, unrounded."),
    ("Runs as CSV", "runs.csv", "A line for each run and measured latency, unrounded."),
)


def show_files(experiment_id: str) -> None:
    """Links to what is of the whole experiment."""
    with st.container(horizontal=True):
        for label, kind, what in FILES:
            st.link_button(
                label, artifact_address(experiment_id, kind), type="tertiary", icon=":material/download:", help=what,
            )


def show_export(view: ExperimentView) -> None:
    """Choose a run; exported ones download at once, the others join the device's queue."""
    runs = [run for run in view.runs if run.state in ("finished", "reused", "stopped")]
    if not runs:
        return
    st.subheader("Ship a run", anchor=False, help=f"A bundle holds {CONTENTS}")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        number = st.selectbox(
            "Run", range(len(runs)), index=_best(runs), key="export-run", width=360,
            format_func=lambda i: _label(runs[i]),
            help="Exported runs download at once; others are exported and checked first.",
        )
        run = runs[number]
        if run.onnx_path:
            # Links, not buttons: what they lead to is sent from the disk, whatever its size.
            identity = view.row.experiment_id
            st.link_button(
                "Download bundle", artifact_address(identity, "bundle.zip", run_id=run.run_id), type="primary",
                icon=":material/download:", help=CONTENTS,
            )
            st.link_button(
                "ONNX file", artifact_address(identity, "model.onnx", run_id=run.run_id), type="tertiary",
                icon=":material/download:", help="The graph alone, with the normalisation inside.",
            )
        else:
            st.button(
                "Export this run", key=f"export-{run.run_id}", icon=":material/deployed_code:", on_click=_request,
                args=(view.row.experiment_id, run.run_id),
                help="Exports to ONNX, proves it against torch, measures latency; queued after any training.",
            )


def _request(experiment_id: str, run_id: str) -> None:
    try:
        lab().request_export(experiment_id, run_id)
        st.toast("The export is queued on this device.", icon=":material/schedule:")
    except LabError as error:
        st.toast(markdown_text(error.sentence), icon=":material/info:")


def _best(runs: list[RunRow]) -> int:
    """The best exported student comes first to mind."""
    exported = [i for i, run in enumerate(runs) if run.onnx_path and run.role in ("student", "baseline")]
    return max(exported, key=lambda i: _score(runs[i]), default=0)


def _score(run: RunRow) -> float:
    """What is not a number is below all others; R² may be negative."""
    return run.score if run.score is not None and math.isfinite(run.score) else -math.inf


def _label(run: RunRow) -> str:
    name = lineage_name(run.label, 72) if run.role == "compressed" else plain_name(run.label)
    return f"{name} · {words.score(run)}{'' if run.onnx_path else ' · not exported'}"
