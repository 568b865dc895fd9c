"""Tables of runs: one row a run, every column explained, figures in one unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from distill_core.charts.descent import branches_of
from distill_core.charts.names import LONGEST_SHOWN, lineage_name, plain_name
from distill_core.events import LatencyRow
from distill_core.language import _, told
from distill_core.rows import RunRow
from pages.ui import words
from pages.ui.session import lab

Column = st.column_config
LONGEST_LINEAGE, LONGEST_LABEL = 160, 80
INDENT = "\u2003"
# Longer tables scroll in a frame of their own.
ALL_SHOWN = 40


def latency_of(run: RunRow, *, batch: int | None = None, threads: int | None = None) -> LatencyRow | None:
    """The measurement under the wanted conditions; by default the smallest batch on one thread."""
    fitting = [
        row for row in run.latency
        if (batch is None or row.batch == batch) and (threads is None or row.threads == threads)
    ]
    return min(fitting, key=lambda row: (row.batch, row.threads), default=None)


def run_frame(runs: Sequence[RunRow], *, with_experiment: bool = False) -> pd.DataFrame:
    """All figures of the runs, as numbers; empty cells were not measured."""
    rows: list[dict[str, Any]] = []
    for run in runs:
        latency = latency_of(run)
        row: dict[str, Any] = {"experiment": plain_name(run.experiment_name)} if with_experiment else {}
        row |= {
            "role": words.ROLES[run.role], "name": _whole_name(run), "seed": run.seed,
            "state": words.RUN_STATES[run.state],
            "r2": run.r2, "mse": run.mse, "teacher_mse": run.teacher_mse,
            "accuracy": None if run.accuracy is None else 100 * run.accuracy,
            "nll": run.nll, "ece": None if run.ece is None else 100 * run.ece,
            "agreement": None if run.agreement is None else 100 * run.agreement,
            "p50": latency.p50 if latency else None, "p95": latency.p95 if latency else None,
            "parameters": run.parameters, "macs": run.macs,
            "file_bytes": None if run.onnx_size_bytes is None else run.onnx_size_bytes / 1000,
            "zipped": None if run.zipped_bytes is None else run.zipped_bytes / 1000,
            "zeros": _zeros(run),
            "best_epoch": run.best_epoch, "stop_rule": run.stop_rule, "seconds": run.seconds,
            "reused_from": run.reused_from,
        }
        rows.append(row)
    return pd.DataFrame(rows)


def _whole_name(run: RunRow) -> str:
    """A lineage is longer than other names, and its end is what tells it apart."""
    return plain_name(run.name, LONGEST_LINEAGE if run.role == "compressed" else LONGEST_SHOWN)


def _zeros(run: RunRow) -> float | None:
    """Percent of all weights that are exactly 0; None where that was not counted."""
    weights = sum(layer.weights for layer in run.layers)
    return 100 * sum(layer.zeros for layer in run.layers) / weights if weights else None


def stop_in_short(run: RunRow) -> str:
    """Why a run ended, in a word or two; empty while it has not. Why one was refused needs its whole sentence."""
    if not run.stop_rule or run.state == "refused":
        return told(run.stop_rule)
    if run.role == "compressed" and not run.epochs:
        return _("not trained")
    ended = run.epochs if run.stopped_epoch is None else run.stopped_epoch
    if run.state == "diverged":
        return _("diverged, epoch {epoch}").format(epoch=ended)
    if run.state == "stopped":
        return _("on request, epoch {epoch}").format(epoch=ended)
    if ended >= run.epochs:
        return _("full {epochs} epochs").format(epochs=run.epochs)
    return _("early, epoch {epoch}").format(epoch=ended)


def run_columns(runs: Sequence[RunRow]) -> dict[str, Any]:
    """Titles, formats and explanations for `run_frame`."""
    conditions = conditions_of(runs)
    tasks = {run.task for run in runs}
    what = _("samples (of a tagging: steps)") if "tagging" in tasks else _("samples")
    what = _("steps") if tasks == {"tagging"} else what
    return {
        "experiment": Column.TextColumn(_("Experiment"), help=_("The experiment the run belongs to.")),
        "role": Column.TextColumn(_("Role"), help=_(
            "teacher: the network that is imitated. alone: the student's network trained without the teacher. "
            "distilled: trained with the teacher. compressed: made of one of these.")),
        "name": Column.TextColumn(
            _("Name"), help=_("Name of the variant. Below a network stands, indented, what compression made of it."),
        ),
        "of": Column.TextColumn(_("Made of"), help=_("The trained network that a compressed run descends from.")),
        "seed": Column.NumberColumn(
            _("Seed"), help=_("Fixes initial weights, batches and views; same seed, same start."), format="%d",
        ),
        "state": Column.TextColumn(
            _("State"),
            help=_("Reused: made in an earlier experiment under the same conditions. Refused: the network does "
            "not allow this compression step; the stop rule says why."),
        ),
        "r2": Column.NumberColumn(
            "R²", format="%.3f",
            help=_(
                "How much of the spread of the true values the answers explain, mean over the values: 1 is perfect, 0 "
            "as good as always answering their mean, below 0 worse than that."),
        ),
        "mse": Column.NumberColumn(
            _("Squared error"), format="%.3f",
            help=_("Mean squared error on the test set, in units of the training values' variance; lower is better."),
        ),
        "teacher_mse": Column.NumberColumn(
            _("From teacher"), format="%.3f",
            help=_("Mean squared distance between the answers of the run and those of the teacher, or the mean of "
            "several, in the same unit."),
        ),
        "accuracy": Column.NumberColumn(
            _("Accuracy per step %") if tasks == {"tagging"} else _("Accuracy %"), format="%.1f",
            help=_("Share of test {what} classified rightly, with the best epoch by validation.").format(what=what),
        ),
        "nll": Column.NumberColumn(
            _("NLL"), format="%.3f",
            help=_("Negative log-likelihood on the test set in nats; lower is better. It punishes confident errors."),
        ),
        "ece": Column.NumberColumn(
            _("ECE %"), format="%.1f",
            help=_("Expected calibration error: how far confidence is from accuracy; lower is better."),
        ),
        "agreement": Column.NumberColumn(
            _("Agrees %"), format="%.1f",
            help=_(
                "Share of test {what} on which the run and the teacher, or the mean of several, choose the same class."
            ).format(what=what),
        ),
        "p50": Column.NumberColumn(_("p50 ms"), format="%.3f", help=_(
            "Median ONNX latency of one batch; {conditions}."
        ).format(conditions=conditions)),
        "p95": Column.NumberColumn(
            _("p95 ms"), format="%.3f", help=_(
                "95 of 100 batches were faster than this; {conditions}."
            ).format(conditions=conditions),
        ),
        "parameters": Column.NumberColumn(_("Parameters"), format="localized", help=_("Trainable weights.")),
        "macs": Column.NumberColumn(
            _("MACs"), format="compact", help=_("Multiply-accumulate operations for one sample."),
        ),
        "file_bytes": Column.NumberColumn(
            _("File kB"), format="%.1f",
            help=_("Size of the ONNX file, or of the weights until it is exported; 1 kB is 1,000 bytes."),
        ),
        "zipped": Column.NumberColumn(
            _("Zipped kB"), format="%.1f",
            help=_("A compressed run's ONNX file, deflated: zeros and few bits pack well."),
        ),
        "zeros": Column.NumberColumn(
            _("Zeros %"), format="%.1f",
            help=_("Share of a compressed run's weights, biases left out, that are exactly 0."),
        ),
        "best_epoch": Column.NumberColumn(
            _("Best epoch"), format="%d", help=_("The epoch whose weights are kept, chosen on validation data."),
        ),
        "stop_rule": Column.TextColumn(_("Stop rule"), help=_(
            "Why training ended: after its full budget of epochs, early where validation had not improved for as long "
            "as its patience, because the loss diverged, or on request. The best epoch was restored.")),
        "seconds": Column.NumberColumn(
            _("Seconds"), format="%.1f",
            help=_("Time spent on training this run; runs of one seed train together and share it."),
        ),
        "reused_from": Column.TextColumn(
            _("Reused from"), help=_("The experiment that trained this run; empty if it was trained here."),
        ),
    }


def show_runs(
    runs: Sequence[RunRow], *, key: str, with_experiment: bool = False, expected: bool = False
) -> None:
    """The table of runs; `expected` tells whether more will come."""
    if not runs:
        st.info(
            _("The runs appear here once the worker has read the data.") if expected else _("No run was begun."),
            icon=":material/hourglass:" if expected else ":material/info:",
        )
        return
    branches = branches_of(runs)
    runs = [branch.run for branch in branches]
    frame = run_frame(runs, with_experiment=with_experiment).dropna(axis="columns", how="all")
    if any(branch.depth for branch in branches):
        frame["name"] = [
            f"{INDENT * (branch.depth - 1)}↳ {plain_name(branch.step, 48)}" if branch.depth else name
            for branch, name in zip(branches, frame["name"], strict=True)
        ]
        roots = [plain_name(branch.root) if branch.depth else None for branch in branches]
        frame.insert(list(frame.columns).index("name") + 1, "of", roots)
    if not any(run.reused_from for run in runs):
        frame = frame.drop(columns=["reused_from"], errors="ignore")
    for column in ("role", "state"):
        if column in frame:
            frame[column] = [_(str(word)) for word in frame[column]]
    # A whole sentence a row would be cut at the right; the kept epochs of the curves tell it when pointed at.
    frame["stop_rule"] = [stop_in_short(run) for run in runs]
    columns = {name: column for name, column in run_columns(runs).items() if name in frame.columns}
    st.dataframe(
        frame, key=key, hide_index=True, width="stretch", column_config=columns, placeholder="–",
        height="content" if len(runs) <= ALL_SHOWN else "auto",
        alt=_("Table of runs with their test figures, size and latency"),
    )


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
