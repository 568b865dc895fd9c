"""What exported runs took: their parity with torch, every measurement, and its conditions in words."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import streamlit as st

from distill_core.charts.names import lineage_name, plain_name
from distill_core.events import LatencyRow
from distill_core.language import _
from distill_core.rows import RunRow
from pages.ui import words
from pages.ui.session import lab

Column = st.column_config
LONGEST_LABEL = 80


def latency_of(run: RunRow, *, batch: int | None = None, threads: int | None = None) -> LatencyRow | None:
    """The measurement under the wanted conditions; by default the smallest batch on one thread."""
    fitting = [
        row for row in run.latency
        if (batch is None or row.batch == batch) and (threads is None or row.threads == threads)
    ]
    return min(fitting, key=lambda row: (row.batch, row.threads), default=None)


def show_latency(runs: Iterable[RunRow], *, key: str) -> None:
    """Every measurement of every exported run, its parity first."""
    exported = [run for run in runs if run.onnx_path and run.max_abs_diff is not None]
    if not exported:
        st.info(
            _("No run is exported yet. The teacher and one run of each variant are exported at the end."),
            icon=":material/hourglass:",
        )
        return
    quantized = frozenset(
        entry.name for entry in lab().catalogue().compression if "file" in entry.traits
    ) & {run.compression_step for run in exported}
    against = {run.run_id: _("its float parent") if run.compression_step in quantized else "torch" for run in exported}
    st.markdown(
        _("**ONNX against torch**"),
        help=_("The exported file answers the whole test set; its answers are compared with torch's. Those of a "
        "quantized file are compared with the file it was made of, and differ by what quantization does."),
    )
    st.dataframe(
        pd.DataFrame([
            {"run": lineage_name(run.label, LONGEST_LABEL),
             **({"against": against[run.run_id]} if quantized else {}), "max_abs_diff": run.max_abs_diff,
             "same": _("{same:,} of {total:,}").format(same=run.same_class, total=run.test_total),
             "file": words.size(run.onnx_size_bytes)}
            for run in exported
        ]),
        key=f"{key}-parity", hide_index=True, width="stretch",
        column_config={
            "run": Column.TextColumn(_("Run"), help=_("The exported run."), width="large"),
            "against": Column.TextColumn(
                _("Differences from"),
                help=_("torch: the same network there. its float parent: the file it was made of."),
            ),
            "max_abs_diff": Column.NumberColumn(
                _("Largest difference"), format="%.1e",
                help=_(
                    "Largest absolute difference of any logit; of a regression of any value, in standard deviations."
                ),
            ),
            "same": Column.TextColumn(
                _("Same answer") if any(run.task == "regression" for run in exported) else _("Same class"),
                help=_(
                    "Test samples, of a tagging steps, for which both choose the same class; of a regression samples "
                "whose values are equal but for rounding."),
            ),
            "file": Column.TextColumn(_("File size"), help=_("Size of the ONNX file.")),
        },
        alt=_("Parity of each exported run with torch"),
    )
    measured = [run for run in exported if run.latency]
    if not measured:
        st.info(
            _("Latency is measured after the exports, when no training runs on this device."),
            icon=":material/hourglass:",
        )
        return
    names = {run.run_id: lineage_name(run.label, LONGEST_LABEL) for run in exported}
    st.markdown(
        _("**Latency of one batch**"),
        help=_("A separate ONNX Runtime session, after a warm-up, while no training of ours runs on this device."),
    )
    st.dataframe(
        pd.DataFrame([
            {"run": names[run.run_id], "batch": row.batch, "threads": row.threads, "p50": row.p50, "p95": row.p95,
                "p99": row.p99,
             "provider": row.provider, "repeats": row.repeats, "machine": row.machine,
             "shared": names.get(run.latency_shared_from, _("another run")) if run.latency_shared_from else ""}
            for run in measured for row in run.latency
        ]),
        key=f"{key}-latency", hide_index=True, width="stretch",
        column_config={
            "run": Column.TextColumn(_("Run"), help=_("The exported run."), width="medium"),
            "batch": Column.NumberColumn(_("Batch"), help=_("Samples in one call.")),
            "threads": Column.NumberColumn(_("Threads"), help=_("Threads ONNX Runtime may use; 0 stands for all.")),
            "p50": Column.NumberColumn(_("p50 ms"), format="%.3f", help=_("Half of the batches were faster.")),
            "p95": Column.NumberColumn(_("p95 ms"), format="%.3f", help=_("95 of 100 batches were faster.")),
            "p99": Column.NumberColumn(_("p99 ms"), format="%.3f", help=_("99 of 100 batches were faster.")),
            "provider": Column.TextColumn(_("Provider"), help=_("ONNX Runtime's execution provider.")),
            "repeats": Column.NumberColumn(_("Repeats"), help=_("Timed batches after the warm-up.")),
            "machine": Column.TextColumn(_("Machine"), help=_("Where this was measured."), width="medium"),
            "shared": Column.TextColumn(
                _("Measured on"), help=_("Runs with the same graph are measured once and share the figures."),
                width="medium",
            ),
        },
        alt=_("Latency of each exported run by batch and threads"),
    )


def conditions_of(runs: Iterable[RunRow]) -> str:
    """The conditions of the latency column in words, with the machine."""
    rows = [row for run in runs if (row := latency_of(run)) is not None]
    if not rows:
        return _("not measured yet")
    first = rows[0]
    machines = {row.machine for row in rows}
    where = plain_name(first.machine, 80) if len(machines) == 1 else _(
        "different machines, so compare with care"
    )
    return _("batch {batch}, {threads}, {provider}, {machine}").format(
        batch=first.batch, threads=words.threads(first.threads), provider=first.provider, machine=where
    )
