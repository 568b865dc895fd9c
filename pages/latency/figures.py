"""What was measured: the words, the charts, the table, the downloads."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from distill_core.charts.latency import conditions, latency_dots, latency_spread, provider_title, series_names
from distill_core.charts.names import lineage_name, markdown_text
from distill_core.charts.variants import series_styles
from distill_core.evaluation.latency import across, comparison
from distill_core.jobs.latency_rows import Measurement
from distill_core.language import _, told
from distill_core.rows import MeasuredRow, RunRow
from distill_core.spreadsheet import harmless_cell
from pages.ui import results

Column = st.column_config


def show_figures(found: Sequence[Measurement], runs: Sequence[RunRow]) -> None:
    """All of the chosen results, at one batch size and thread count."""
    rows = [row for one in found for row in one.rows]
    names = series_names(rows)
    offered = conditions(rows)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        batch, threads = offered[0]
        if len(offered) > 1:
            batch, threads = results.choose_condition(
                offered, key="at", label=_("At"),
                help_text=_("Batch size and threads of the words and charts; the table has all."),
            )
        image = results.picture()
    shown = [row for row in rows if (row.batch, row.threads) == (batch, threads)]
    _show_words(shown, names)
    results.show_chart(
        latency_dots(rows, batch=batch, threads=threads, theme=results.theme()), key="latency-dots",
        file_name="latency", image=image, alt=_("p50 latency of each model on each machine, with a whisker to the p95"),
    )
    _show_spread(rows, runs, names, batch=batch, threads=threads, image=image)
    _show_table(rows, names)
    _offer_downloads(found, rows, names)


def _show_words(shown: Sequence[MeasuredRow], names: dict[str, str]) -> None:
    """What the medians say, machine by machine, then of one machine against another."""
    for result_id in dict.fromkeys(row.result_id for row in shown):
        sentences = comparison([row for row in shown if row.result_id == result_id])
        if not sentences:
            continue
        where = f"**{markdown_text(names[result_id])}**: " if len(names) > 1 else ""
        text = where + markdown_text(" ".join(told(one) for one in sentences))
        warns = any("yet takes" in sentence for sentence in sentences)
        st.warning(text, icon=":material/speed:") if warns else st.info(text, icon=":material/speed:")
    if sentences := across(shown, names):
        st.info(markdown_text(" ".join(told(one) for one in sentences)), icon=":material/devices:")


def _show_spread(
    rows: Sequence[MeasuredRow], runs: Sequence[RunRow], names: dict[str, str], *, batch: int, threads: int,
    image: results.Picture,
) -> None:
    able = [
        result_id for result_id in names
        if any((row.batch, row.threads) == (batch, threads) for row in rows if row.result_id == result_id)
    ]
    st.header(_("Every single time"), anchor=False, help=_("Two modes or a long tail tell what one median hides."))
    chosen = able[0]
    if len(able) > 1:
        chosen = st.selectbox(
            _("On"), able, key="spread-of", width=420, format_func=lambda one: names[one],
            help=_("The machine whose times are drawn."),
        )
    looks = series_styles(runs, results.theme())
    results.show_chart(
        latency_spread(
            [row for row in rows if row.result_id == chosen], batch=batch, threads=threads, theme=results.theme(),
            looks=looks,
        ),
        key="latency-spread", file_name="latency-times", image=image,
        alt=_("Histogram of all single times of each model, with p50 and p95"),
    )


def frame_of(rows: Sequence[MeasuredRow], names: dict[str, str]) -> pd.DataFrame:
    """A row a cell, unrounded; memory in bytes."""
    return pd.DataFrame([
        {
            "machine": names[row.result_id], "model": lineage_name(row.model, 60), "batch": row.batch,
            "threads": row.threads, "p50": row.p50, "p95": row.p95, "p99": row.p99,
            "samples_per_second": row.samples_per_second, "start": row.start_ms, "first": row.first_ms,
            "memory": row.memory_bytes, "runtime": row.runtime_bytes, "provider": row.provider,
            "io_binding": row.io_binding, "repeats": len(row.samples_ms), "versions": row.versions,
        }
        for row in rows
    ])


def _show_table(rows: Sequence[MeasuredRow], names: dict[str, str]) -> None:
    st.header(_("All figures"), anchor=False)
    frame = frame_of(rows, names)
    frame["provider"] = [provider_title(one) for one in frame["provider"]]
    for column in ("memory", "runtime"):
        frame[column] = frame[column] / 1e6
    if len(names) == 1:
        frame = frame.drop(columns="machine")
    columns = {
        "machine": Column.TextColumn(_("Machine"), help=_("Where it was measured."), width="medium"),
        "model": Column.TextColumn(_("Model"), help=_("The exported run."), width="large"),
        "provider": Column.TextColumn(_("Computed on"), help=_("ONNX Runtime's execution provider.")),
        "batch": Column.NumberColumn(_("Batch"), help=_("Samples in one call.")),
        "threads": Column.NumberColumn(_("Threads"), help=_("Threads ONNX Runtime may use.")),
        "io_binding": Column.CheckboxColumn(
            _("IO binding"), help=_("Inputs and answers stayed in the provider's memory."),
        ),
        "p50": Column.NumberColumn(_("p50 ms"), format="%.4f", help=_("Half of the batches were faster.")),
        "p95": Column.NumberColumn(_("p95 ms"), format="%.4f", help=_("95 of 100 batches were faster.")),
        "p99": Column.NumberColumn(_("p99 ms"), format="%.4f", help=_("99 of 100 batches were faster.")),
        "samples_per_second": Column.NumberColumn(
            _("Samples/s"), format="localized", help=_("Samples a second, one batch after another at the p50."),
        ),
        "start": Column.NumberColumn(
            _("Start ms"), format="%.1f",
            help=_("Making the session in a fresh process, the file already in the system's cache: load and optimise."),
        ),
        "first": Column.NumberColumn(_("First ms"), format="%.2f", help=_("The first answer there, not warmed up.")),
        "memory": Column.NumberColumn(
            _("Peak MB"), format="%.1f",
            help=_(
                "The most memory that a process of its own ever held, which loads this model alone and answers three "
            "batches. Python, numpy and ONNX Runtime are in it; the memory of a GPU is not."),
        ),
        "runtime": Column.NumberColumn(
            _("Without it"), format="%.1f",
            help=_("MB that this process held before the model came; the rest up to the peak is the model's."),
        ),
        "repeats": Column.NumberColumn(_("Repeats"), help=_("Timed batches after the warm-up.")),
        "versions": Column.TextColumn(_("Versions"), help=_("What it was measured with."), width="medium"),
    }
    frame["samples_per_second"] = frame["samples_per_second"].round()
    st.dataframe(
        frame, key="latency-table", hide_index=True, width="stretch", column_config=columns, placeholder="–",
        height="content" if len(frame) <= 20 else "auto", alt=_("All measured figures by model, machine and condition"),
    )


def _offer_downloads(found: Sequence[Measurement], rows: Sequence[MeasuredRow], names: dict[str, str]) -> None:
    with st.container(horizontal=True):
        st.download_button(
            _("Download as CSV"), data=lambda: _csv(rows, names), file_name="latency.csv", mime="text/csv",
            key="latency-csv", icon=":material/download:", on_click="ignore", help=_("The table, unrounded."),
        )
        st.download_button(
            _("Download as JSON"), data=lambda: _json(found), file_name="latency.json", mime="application/json",
            key="latency-json", icon=":material/download:", on_click="ignore",
            help=_("Every single time too. One result is one file that another lab with the same models can take in."),
        )


def _csv(rows: Sequence[MeasuredRow], names: dict[str, str]) -> bytes:
    """Text that a spreadsheet would take for a formula is quoted: machines are named by whoever uploads."""
    frame = frame_of(rows, names)
    for column in ("machine", "model", "provider", "versions"):
        frame[column] = [harmless_cell(str(text)) for text in frame[column]]
    return frame.to_csv(index=False).encode()


def _json(found: Sequence[Measurement]) -> bytes:
    reports = [one.report.model_dump(mode="json") for one in found if one.report is not None]
    return json.dumps(reports[0] if len(reports) == 1 else reports, indent=1, allow_nan=False).encode()
