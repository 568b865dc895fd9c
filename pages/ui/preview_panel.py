"""What an experiment will cost, measured before it starts and only when asked."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from distill_core.charts.names import markdown_name, markdown_text, plain_name
from distill_core.errors import LabError
from distill_core.language import _, counted, marked, told
from distill_core.planned import digest
from distill_core.spec import ExperimentSpec
from pages.ui import teacher_card, words
from pages.ui.guard import tell
from pages.ui.session import lab

SLOT = "preview-answer"
HELP = marked(
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
    st.markdown(_("**Before you start**"), help=_(HELP))
    asked = st.button(
        _("Measure size, latency and time"), key="preview", icon=":material/speed:", disabled=spec is None,
        width="stretch", help=_("Takes some seconds in a helper process; nothing is trained."),
    )
    if spec is None:
        st.caption(_("Mend the marked fields first."))
        return
    name = digest(spec.to_json())
    if asked:
        with st.spinner(_("Building, exporting and timing the networks …"), show_time=True):
            try:
                st.session_state[SLOT] = (name, lab().preview(spec))
            except LabError as error:
                st.session_state.pop(SLOT, None)
                tell(error)
                return
    held = st.session_state.get(SLOT)
    if held is None:
        st.caption(_("Parameters, MACs, file size, measured ONNX latency, and how long it will take."))
    elif held[0] != name:
        st.caption(_(":material/history: The settings have changed since the last measurement."))
    else:
        _show(held[1])
        if of_teacher:
            teacher_card.show_before(spec, held[1].get("teacher"))


def _show(answer: dict[str, Any]) -> None:
    reused = answer["reused"]
    total = answer["estimate_seconds"]["total"]
    st.metric(
        _("Estimated time"), words.duration(total),
        help=_("From a few real training steps on this machine; reused runs take none of it.") if reused
        else _("From a few real training steps on this machine."),
    )
    if reused:
        sources = sorted({run["experiment_id"] for run in reused})
        names = ", ".join(dict.fromkeys(plain_name(run["name"]) for run in reused))
        st.info(
            markdown_text(
                _("{runs} will be reused, not trained: {names}; from {sources}.").format(
                    runs=counted("{number} run", "{number} runs", len(reused)), names=names,
                    sources=", ".join(sources),
                )
            ),
            icon=":material/recycling:",
        )
    st.table(
        pd.DataFrame({_name(network): _column(network) for network in answer["networks"]}), border="horizontal",
        alt=_("Size and latency of each network before training"),
    )
    st.caption(markdown_text(_conditions(answer)))
    counts = answer["counts"]
    samples = [f"{told(name.replace('_', ' '))} {number:,}" for name, number in counts.items()]
    st.caption(markdown_text(_("Samples: {counts}.").format(counts=", ".join(samples))))
    for warning in answer["warnings"]:
        st.caption(f":material/warning: {markdown_text(told(warning))}")


def _name(network: dict[str, Any]) -> str:
    return _("teacher") if network["role"] == "teacher" else markdown_name(network["name"])


def _column(network: dict[str, Any]) -> dict[str, str]:
    """One network's figures in words, one a row."""
    latency = (network["latency"] or [None])[0]
    return {
        _("Parameters"): words.count(network["parameters"]),
        _("Times smaller"): f"{network['compression_ratio']:.1f}×",
        _("MACs a sample"): words.count(network["macs"]),
        _("ONNX file"): words.size(network["onnx_size_bytes"]),
        _("Latency p50"): words.milliseconds(latency["p50"] if latency else None),
        _("Latency p95"): words.milliseconds(latency["p95"] if latency else None),
    }


def _conditions(answer: dict[str, Any]) -> str:
    for network in answer["networks"]:
        if network["latency"]:
            row = network["latency"][0]
            return _(
                "ONNX latency of the untrained networks: batch {batch}, {threads}, {provider}, {machine}."
            ).format(
                batch=row["batch"], threads=words.threads(row["threads"]), provider=row["provider"],
                machine=row["machine"],
            )
    reason = answer["networks"][0]["latency_reason"]
    return _("No latency: {reason}.").format(reason=told(reason) if reason else _("it was not measured"))
