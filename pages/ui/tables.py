"""Tables of runs: one row a run, every column explained, figures in one unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from distill_core.charts.descent import branches_of
from distill_core.charts.names import LONGEST_SHOWN, plain_name
from distill_core.language import _, told
from distill_core.rows import RunRow
from pages.ui import words
from pages.ui.latency_tables import conditions_of, latency_of

Column = st.column_config
LONGEST_LINEAGE = 160
INDENT = "\u2003"
# Longer tables scroll in a frame of their own.
ALL_SHOWN = 40


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
