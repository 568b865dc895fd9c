"""Shipping a run: download its bundle, or ask for its export first."""

from __future__ import annotations

import math

import streamlit as st

from distill_core.charts.names import lineage_name, markdown_text, plain_name
from distill_core.errors import LabError
from distill_core.language import _, marked, told
from distill_core.rows import ExperimentView, RunRow
from pages.ui import words
from pages.ui.artifact_routes import artifact_address
from pages.ui.session import lab

CONTENTS = marked(
    "model.onnx (the data as they are in), labels, test samples with expected answers, a model card, the spec and ten "
    "lines of Python."
)

FILES = (
    (marked("Whole log"), "worker.log", marked("What the worker wrote, from its beginning.")),
    (marked("Result as JSON"), "result.json", marked("Verdicts and all runs, unrounded.")),
    (marked("Runs as CSV"), "runs.csv", marked("A line for each run and measured latency, unrounded.")),
)


def show_files(experiment_id: str) -> None:
    """Links to what is of the whole experiment."""
    with st.container(horizontal=True):
        for label, kind, what in FILES:
            st.link_button(
                _(label), artifact_address(experiment_id, kind), type="tertiary", icon=":material/download:",
                help=_(what),
            )


def show_export(view: ExperimentView) -> None:
    """Choose a run; exported ones download at once, the others join the device's queue."""
    runs = [run for run in view.runs if run.state in ("finished", "reused", "stopped")]
    if not runs:
        return
    st.header(_("Ship a run"), anchor=False, help=_("A bundle holds {contents}").format(contents=_(CONTENTS)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        number = st.selectbox(
            _("Run"), range(len(runs)), index=_best(runs), key="export-run", width=360,
            format_func=lambda i: _label(runs[i]),
            help=_("Exported runs download at once; others are exported and checked first."),
        )
        run = runs[number]
        if run.onnx_path:
            # Links, not buttons: what they lead to is sent from the disk, whatever its size.
            identity = view.row.experiment_id
            st.link_button(
                _("Download bundle"), artifact_address(identity, "bundle.zip", run_id=run.run_id), type="primary",
                icon=":material/download:", help=_(CONTENTS),
            )
            st.link_button(
                _("ONNX file"), artifact_address(identity, "model.onnx", run_id=run.run_id), type="tertiary",
                icon=":material/download:", help=_("The graph alone, with the normalisation inside."),
            )
        else:
            st.button(
                _("Export this run"), key=f"export-{run.run_id}", icon=":material/deployed_code:", on_click=_request,
                args=(view.row.experiment_id, run.run_id),
                help=_("Exports to ONNX, proves it against torch, measures latency; queued after any training."),
            )


def _request(experiment_id: str, run_id: str) -> None:
    try:
        lab().request_export(experiment_id, run_id)
        st.toast(_("The export is queued on this device."), icon=":material/schedule:")
    except LabError as error:
        st.toast(markdown_text(told(error.sentence)), icon=":material/info:")


def _best(runs: list[RunRow]) -> int:
    """The best exported student comes first to mind."""
    exported = [i for i, run in enumerate(runs) if run.onnx_path and run.role in ("student", "baseline")]
    return max(exported, key=lambda i: _score(runs[i]), default=0)


def _score(run: RunRow) -> float:
    """What is not a number is below all others; R² may be negative."""
    return run.score if run.score is not None and math.isfinite(run.score) else -math.inf


def _label(run: RunRow) -> str:
    name = lineage_name(run.label, 72) if run.role == "compressed" else plain_name(run.label)
    shown = f"{name} · {words.score(run)}"
    return shown if run.onnx_path else _("{run} · not exported").format(run=shown)
