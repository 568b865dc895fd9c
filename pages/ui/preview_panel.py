"""What an experiment will cost, measured before it starts and only when asked."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from distill_core.charts.names import markdown_name, markdown_text, plain_name
from distill_core.errors import LabError
from distill_core.planned import digest
from distill_core.spec import ExperimentSpec
from pages.ui import teacher_card, words
from pages.ui.guard import tell
from pages.ui.session import lab

SLOT = "preview-answer"
HELP = (
    "Networks are built, exported and timed untrained; a few real steps give the time estimate. Parameters: "
    "trainable weights. "
    "Times smaller: the teacher's parameters divided by the network's. MACs: multiply-accumulate operations for "
    "one sample. "
    "p50, p95: half and 95 of 100 batches were faster."
)


def show_preview(spec: ExperimentSpec | None, *, of_teacher: bool = True) -> None:
    """The button and, for the present spec, its answer; typing never waits for it.

    `of_teacher`: tell how fit the teacher is, too, and offer the temperature that suits it to the form.
    """
    st.markdown("**Before you start**", help=HELP)
    asked = st.button("Measure size, latency and time", key="preview", icon=":material/speed:", disabled=spec is None,
        width="stretch",
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
        if of_teacher:
            teacher_card.show_before(spec, held[1].get("teacher"))


def _show(answer: dict[str, Any]) -> None:
    reused = answer["reused"]
    total = answer["estimate_seconds"]["total"]
    reused_note = "; reused runs take none of it" if reused else ""
    st.metric(
        "Estimated time", words.duration(total), help=f"From a few real training steps on this machine{reused_note}.",
    )
    if reused:
        sources = sorted({run["experiment_id"] for run in reused})
        names = ", ".join(dict.fromkeys(plain_name(run["name"]) for run in reused))
        st.info(
            markdown_text(
                f"{words.plural(len(reused), 'run')} will be reused, not trained: {names}; from {', '.join(sources)}."
            ),
            icon=":material/recycling:",
        )
    st.table(
        pd.DataFrame({_name(network): _column(network) for network in answer["networks"]}), border="horizontal",
        alt="Size and latency of each network before training",
    )
    st.caption(markdown_text(_conditions(answer)))
    counts = answer["counts"]
    samples = [f"{name.replace('_', ' ')} {number:,}" for name, number in counts.items()]
    st.caption(markdown_text(f"Samples: {', '.join(samples)}."))
    for warning in answer["warnings"]:
        st.caption(f":material/warning: {markdown_text(warning)}")


def _name(network: dict[str, Any]) -> str:
    return "teacher" if network["role"] == "teacher" else markdown_name(network["name"])


def _column(network: dict[str, Any]) -> dict[str, str]:
    """One network's figures in words, one a row."""
    latency = (network["latency"] or [None])[0]
    return {
        "Parameters": words.count(network["parameters"]),
        "Times smaller": f"{network['compression_ratio']:.1f}×",
        "MACs a sample": words.count(network["macs"]),
        "ONNX file": words.size(network["onnx_size_bytes"]),
        "Latency p50": words.milliseconds(latency["p50"] if latency else None),
        "Latency p95": words.milliseconds(latency["p95"] if latency else None),
    }


def _conditions(answer: dict[str, Any]) -> str:
    for network in answer["networks"]:
        if network["latency"]:
            row = network["latency"][0]
            return (
                f"ONNX latency of the untrained networks: batch {row['batch']}, {words.threads(row['threads'])}, "
                f"{row['provider']}, "
                f"{row['machine']}."
            )
    return f"No latency: {answer['networks'][0]['latency_reason'] or 'it was not measured'}."
