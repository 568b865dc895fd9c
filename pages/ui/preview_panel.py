"""What an experiment will cost, measured before it starts and only when asked."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from distill_core.charts.names import markdown_text, plain_name
from distill_core.errors import LabError
from distill_core.plan import digest
from distill_core.spec import ExperimentSpec
from pages.ui import words
from pages.ui.guard import tell
from pages.ui.session import lab

SLOT = "preview-answer"
Column = st.column_config


def show_preview(spec: ExperimentSpec | None) -> None:
    """The button and, for the present spec, its answer; typing never waits for it."""
    st.markdown("**Before you start**", help="Networks are built, exported and timed untrained; a few real steps give the time estimate.")
    asked = st.button("Measure size, latency and time", key="preview", icon=":material/speed:", disabled=spec is None, width="stretch",
                      help="Takes some seconds in a helper process; nothing is trained.")
    if spec is None:
        st.caption("Mend the marked fields first.")
        return
    name = digest(spec.to_json())
    if asked:
        with st.spinner("Building, exporting and timing the networks …", show_time=True):
            try:
                st.session_state[SLOT] = (name, lab().preview(spec))
            except LabError as error:
                st.session_state.pop(SLOT, None)
                tell(error)
                return
    held = st.session_state.get(SLOT)
    if held is None:
        st.caption("Parameters, MACs, file size, measured ONNX latency, and how long it will take.")
    elif held[0] != name:
        st.caption(":material/history: The settings have changed since the last measurement.")
    else:
        _show(held[1])


def _show(answer: dict[str, Any]) -> None:
    reused = answer["reused"]
    total = answer["estimate_seconds"]["total"]
    reused_note = "; reused runs take none of it" if reused else ""
    st.metric("Estimated time", words.duration(total), help=f"From a few real training steps on this machine{reused_note}.")
    if reused:
        sources = sorted({run["experiment_id"] for run in reused})
        names = ", ".join(dict.fromkeys(plain_name(run["name"]) for run in reused))
        st.info(
            markdown_text(f"{words.plural(len(reused), 'run')} will be reused, not trained: {names}; from {', '.join(sources)}."),
            icon=":material/recycling:",
        )
    st.dataframe(
        pd.DataFrame([_row(network) for network in answer["networks"]]), key="preview-table", hide_index=True, width="stretch",
        placeholder="–", alt="Size and latency of each network before training",
        column_config={
            "network": Column.TextColumn("Network", help="The teacher, and each distinct student network."),
            "parameters": Column.NumberColumn("Parameters", format="localized", help="Trainable weights."),
            "ratio": Column.NumberColumn("Smaller", format="%.1f×", help="The teacher's parameters divided by this network's."),
            "macs": Column.NumberColumn("MACs", format="compact", help="Multiply-accumulate operations for one sample."),
            "file": Column.TextColumn("File", help="Size of the exported ONNX file."),
            "p50": Column.NumberColumn("p50 ms", format="%.3f", help=_conditions(answer)),
            "p95": Column.NumberColumn("p95 ms", format="%.3f", help=_conditions(answer)),
        },
    )
    st.caption(markdown_text(_conditions(answer)))
    counts = answer["counts"]
    st.caption(markdown_text(" · ".join(f"{name.replace('_', ' ')} {number:,}" for name, number in counts.items() if isinstance(number, int))))
    for warning in answer["warnings"]:
        st.caption(f":material/warning: {markdown_text(warning)}")


def _row(network: dict[str, Any]) -> dict[str, Any]:
    latency = (network["latency"] or [{}])[0]
    return {
        "network": "teacher" if network["role"] == "teacher" else plain_name(network["name"]),
        "parameters": network["parameters"], "ratio": network["compression_ratio"], "macs": network["macs"],
        "file": words.size(network["onnx_size_bytes"]), "p50": latency.get("p50"), "p95": latency.get("p95"),
    }


def _conditions(answer: dict[str, Any]) -> str:
    for network in answer["networks"]:
        if network["latency"]:
            row = network["latency"][0]
            return (
                f"ONNX latency of the untrained networks: batch {row['batch']}, {words.threads(row['threads'])}, {row['provider']}, "
                f"{row['machine']}."
            )
    return f"No latency: {answer['networks'][0]['latency_reason'] or 'it was not measured'}."
