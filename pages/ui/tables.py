"""Tables of runs: one row a run, every column explained, figures in one unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from distill_core.charts.descent import branches_of
from distill_core.charts.names import LONGEST_SHOWN, lineage_name, plain_name
from distill_core.events import LatencyRow
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
        return run.stop_rule
    if run.role == "compressed" and not run.epochs:
        return "not trained"
    ended = run.epochs if run.stopped_epoch is None else run.stopped_epoch
    if run.state in ("diverged", "stopped"):
        return f"{'diverged' if run.state == 'diverged' else 'on request'}, epoch {ended}"
    return f"full {run.epochs} epochs" if ended >= run.epochs else f"early, epoch {ended}"


def run_columns(runs: Sequence[RunRow]) -> dict[str, Any]:
    """Titles, formats and explanations for `run_frame`."""
    conditions = conditions_of(runs)
    tasks = {run.task for run in runs}
    what = "steps" if tasks == {"tagging"} else "samples (of a tagging: steps)" if "tagging" in tasks else "samples"
    return {
        "experiment": Column.TextColumn("Experiment", help="The experiment the run belongs to."),
        "role": Column.TextColumn("Role", help=(
            "teacher: the network that is imitated. alone: the student's network trained without the teacher. "
            "distilled: trained with the teacher. compressed: made of one of these.")),
        "name": Column.TextColumn(
            "Name", help="Name of the variant. Below a network stands, indented, what compression made of it.",
        ),
        "of": Column.TextColumn("Made of", help="The trained network that a compressed run descends from."),
        "seed": Column.NumberColumn(
            "Seed", help="Fixes initial weights, batches and views; same seed, same start.", format="%d",
        ),
        "state": Column.TextColumn(
            "State", help="Reused: made in an earlier experiment under the same conditions. Refused: the network does "
            "not allow this compression step; the stop rule says why.",
        ),
        "r2": Column.NumberColumn(
            "R²", format="%.3f",
            help="How much of the spread of the true values the answers explain, mean over the values: 1 is perfect, 0 "
            "as good as always answering their mean, below 0 worse than that.",
        ),
        "mse": Column.NumberColumn(
            "Squared error", format="%.3f",
            help="Mean squared error on the test set, in units of the training values' variance; lower is better.",
        ),
        "teacher_mse": Column.NumberColumn(
            "From teacher", format="%.3f",
            help="Mean squared distance between the answers of the run and those of the teacher, or the mean of "
            "several, in the same unit.",
        ),
        "accuracy": Column.NumberColumn(
            "Accuracy per step %" if tasks == {"tagging"} else "Accuracy %", format="%.1f",
            help=f"Share of test {what} classified rightly, with the best epoch by validation.",
        ),
        "nll": Column.NumberColumn(
            "NLL", format="%.3f",
            help="Negative log-likelihood on the test set in nats; lower is better. It punishes confident errors.",
        ),
        "ece": Column.NumberColumn(
            "ECE %", format="%.1f",
            help="Expected calibration error: how far confidence is from accuracy; lower is better.",
        ),
        "agreement": Column.NumberColumn(
            "Agrees %", format="%.1f",
            help=f"Share of test {what} on which the run and the teacher, or the mean of several, choose the same "
            "class.",
        ),
        "p50": Column.NumberColumn("p50 ms", format="%.3f", help=f"Median ONNX latency of one batch; {conditions}."),
        "p95": Column.NumberColumn(
            "p95 ms", format="%.3f", help=f"95 of 100 batches were faster than this; {conditions}.",
        ),
        "parameters": Column.NumberColumn("Parameters", format="localized", help="Trainable weights."),
        "macs": Column.NumberColumn("MACs", format="compact", help="Multiply-accumulate operations for one sample."),
        "file_bytes": Column.NumberColumn(
            "File kB", format="%.1f",
            help="Size of the ONNX file, or of the weights until it is exported; 1 kB is 1,000 bytes.",
        ),
        "zipped": Column.NumberColumn(
            "Zipped kB", format="%.1f", help="A compressed run's ONNX file, deflated: zeros and few bits pack well.",
        ),
        "zeros": Column.NumberColumn(
            "Zeros %", format="%.1f", help="Share of a compressed run's weights, biases left out, that are exactly 0.",
        ),
        "best_epoch": Column.NumberColumn(
            "Best epoch", format="%d", help="The epoch whose weights are kept, chosen on validation data.",
        ),
        "stop_rule": Column.TextColumn("Stop rule", help=(
            "Why training ended: after its full budget of epochs, early where validation had not improved for as long "
            "as its patience, because the loss diverged, or on request. The best epoch was restored.")),
        "seconds": Column.NumberColumn(
            "Seconds", format="%.1f",
            help="Time spent on training this run; runs of one seed train together and share it.",
        ),
        "reused_from": Column.TextColumn(
            "Reused from", help="The experiment that trained this run; empty if it was trained here.",
        ),
    }


def show_runs(
    runs: Sequence[RunRow], *, key: str, with_experiment: bool = False, expected: bool = False
) -> None:
    """The table of runs; `expected` tells whether more will come."""
    if not runs:
        waiting, none = "The runs appear here once the worker has read the data.", "No run was begun."
        st.info(waiting if expected else none, icon=":material/hourglass:" if expected else ":material/info:")
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
    # A whole sentence a row would be cut at the right; the kept epochs of the curves tell it when pointed at.
    frame["stop_rule"] = [stop_in_short(run) for run in runs]
    columns = {name: column for name, column in run_columns(runs).items() if name in frame.columns}
    st.dataframe(
        frame, key=key, hide_index=True, width="stretch", column_config=columns, placeholder="–",
        height="content" if len(runs) <= ALL_SHOWN else "auto",
        alt="Table of runs with their test figures, size and latency",
    )


def show_latency(runs: Iterable[RunRow], *, key: str) -> None:
    """Every measurement of every exported run, its parity first."""
    exported = [run for run in runs if run.onnx_path and run.max_abs_diff is not None]
    if not exported:
        st.info(
            "No run is exported yet. The teacher and one run of each variant are exported at the end.",
            icon=":material/hourglass:",
        )
        return
    quantized = frozenset(
        entry.name for entry in lab().catalogue().compression if "file" in entry.traits
    ) & {run.compression_step for run in exported}
    against = {run.run_id: "its float parent" if run.compression_step in quantized else "torch" for run in exported}
    st.markdown(
        "**ONNX against torch**",
        help="The exported file answers the whole test set; its answers are compared with torch's. Those of a "
        "quantized file are compared with the file it was made of, and differ by what quantization does.",
    )
    st.dataframe(
        pd.DataFrame([
            {"run": lineage_name(run.label, LONGEST_LABEL),
             **({"against": against[run.run_id]} if quantized else {}), "max_abs_diff": run.max_abs_diff,
             "same": f"{run.same_class:,} of {run.test_total:,}", "file": words.size(run.onnx_size_bytes)}
            for run in exported
        ]),
        key=f"{key}-parity", hide_index=True, width="stretch",
        column_config={
            "run": Column.TextColumn("Run", help="The exported run.", width="large"),
            "against": Column.TextColumn(
                "Differences from", help="torch: the same network there. its float parent: the file it was made of.",
            ),
            "max_abs_diff": Column.NumberColumn(
                "Largest difference", format="%.1e",
                help="Largest absolute difference of any logit; of a regression of any value, in standard deviations.",
            ),
            "same": Column.TextColumn(
                "Same answer" if any(run.task == "regression" for run in exported) else "Same class",
                help="Test samples, of a tagging steps, for which both choose the same class; of a regression samples "
                "whose values are equal but for rounding.",
            ),
            "file": Column.TextColumn("File size", help="Size of the ONNX file."),
        },
        alt="Parity of each exported run with torch",
    )
    measured = [run for run in exported if run.latency]
    if not measured:
        st.info(
            "Latency is measured after the exports, when no training runs on this device.", icon=":material/hourglass:",
        )
        return
    names = {run.run_id: lineage_name(run.label, LONGEST_LABEL) for run in exported}
    st.markdown(
        "**Latency of one batch**",
        help="A separate ONNX Runtime session, after a warm-up, while no training of ours runs on this device.",
    )
    st.dataframe(
        pd.DataFrame([
            {"run": names[run.run_id], "batch": row.batch, "threads": row.threads, "p50": row.p50, "p95": row.p95,
                "p99": row.p99,
             "provider": row.provider, "repeats": row.repeats, "machine": row.machine,
             "shared": names.get(run.latency_shared_from, "another run") if run.latency_shared_from else ""}
            for run in measured for row in run.latency
        ]),
        key=f"{key}-latency", hide_index=True, width="stretch",
        column_config={
            "run": Column.TextColumn("Run", help="The exported run.", width="medium"),
            "batch": Column.NumberColumn("Batch", help="Samples in one call."),
            "threads": Column.NumberColumn("Threads", help="Threads ONNX Runtime may use; 0 stands for all."),
            "p50": Column.NumberColumn("p50 ms", format="%.3f", help="Half of the batches were faster."),
            "p95": Column.NumberColumn("p95 ms", format="%.3f", help="95 of 100 batches were faster."),
            "p99": Column.NumberColumn("p99 ms", format="%.3f", help="99 of 100 batches were faster."),
            "provider": Column.TextColumn("Provider", help="ONNX Runtime's execution provider."),
            "repeats": Column.NumberColumn("Repeats", help="Timed batches after the warm-up."),
            "machine": Column.TextColumn("Machine", help="Where this was measured.", width="medium"),
            "shared": Column.TextColumn(
                "Measured on", help="Runs with the same graph are measured once and share the figures.", width="medium",
            ),
        },
        alt="Latency of each exported run by batch and threads",
    )


def conditions_of(runs: Iterable[RunRow]) -> str:
    """The conditions of the latency column in words, with the machine."""
    rows = [row for run in runs if (row := latency_of(run)) is not None]
    if not rows:
        return "not measured yet"
    first = rows[0]
    machines = {row.machine for row in rows}
    where = plain_name(first.machine, 80) if len(machines) == 1 else "different machines, so compare with care"
    return f"batch {first.batch}, {words.threads(first.threads)}, {first.provider}, {where}"
