"""Table of variants: one row for all seeds of each, where a row a run would be too many to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from distill_core.charts.names import lineage_name, plain_name
from distill_core.charts.variants import Variant, spread, variants
from distill_core.evaluation.metrics import METRICS, heading, loss_metric, primary_metric
from distill_core.evaluation.verdict import Verdict
from distill_core.language import _, marked
from distill_core.rows import RunRow
from distill_core.signature import Task
from pages.ui import address, tables, words
from pages.ui.latency_tables import conditions_of, latency_of

Column = st.column_config
VARIANTS, RUNS = marked("Variants"), marked("Runs")


def show_rows(runs: Sequence[RunRow], found: Sequence[Verdict], *, key: str, expected: bool) -> None:
    """The runs; where they are many, the variants first, and the runs for whoever asks for them."""
    if len(runs) > tables.ALL_SHOWN:
        first = address.chosen("rows", [VARIANTS, RUNS])
        chosen = st.segmented_control(
            _("Rows"), [VARIANTS, RUNS], key="rows", required=True, format_func=_, label_visibility="collapsed",
            help=_("A row for all seeds of a variant, or for each run."),
        )
        address.write("rows", [chosen or first], default=[first])
        if chosen == VARIANTS:
            show_variants(runs, found, key=f"{key}-variants")
            return
    tables.show_runs(runs, key=key, expected=expected)


def show_variants(runs: Sequence[RunRow], found: Sequence[Verdict], *, key: str) -> None:
    """Means over the seeds, the gain beside them; all runs are of one experiment, and there is at least one."""
    task = runs[0].task
    frame = variants_frame(runs, found).dropna(axis="columns", how="all")
    columns = {name: column for name, column in _columns(runs, task).items() if name in frame.columns}
    st.dataframe(
        frame, key=key, hide_index=True, width="stretch", column_config=columns, placeholder="–",
        height="content" if len(frame) <= tables.ALL_SHOWN else "auto",
        alt=_("Table of variants with their mean test figures, gain, size and latency"),
    )


def variants_frame(runs: Sequence[RunRow], found: Sequence[Verdict]) -> pd.DataFrame:
    """All figures as numbers in the units that are shown; empty cells were not measured."""
    main, loss = (METRICS[name(runs[0].task)] for name in (primary_metric, loss_metric))
    judged = {verdict.student: verdict for verdict in found}
    rows: list[dict[str, Any]] = []
    for variant in variants(runs, "light"):
        members, run = variant.runs, variant.first
        verdict = judged.get(run.name) if variant.role in ("student", "baseline") else None
        score = spread(one.score for one in members)
        rows.append({
            "role": _(words.ROLES[variant.role]), "name": _name(variant), "seeds": score.seeds if score else 0,
            "validation": _mean(members, "validation", main.factor),
            "score": score.mean * main.factor if score else None,
            "sd": score.sd * main.factor if score and score.sd is not None else None,
            "gain": verdict.delta_mean * main.factor if verdict and verdict.seeds else None,
            "verdict": _(verdict.verdict) if verdict and verdict.seeds else None,
            "loss": _mean(members, loss_metric(run.task), loss.factor),
            "ece": _mean(members, "ece", 100.0), "agreement": _mean(members, "agreement", 100.0),
            "p50": _mean_of([timed.p50 for one in members if (timed := latency_of(one))]),
            "parameters": run.parameters,
            "file": None if run.onnx_size_bytes is None else run.onnx_size_bytes / 1000,
        })
    return pd.DataFrame(rows)


def _name(variant: Variant) -> str:
    name = variant.first.name
    return lineage_name(name, 160) if variant.role == "compressed" else plain_name(name)


def _mean(members: Sequence[RunRow], figure: str, factor: float) -> float | None:
    return _mean_of([None if (value := getattr(run, figure)) is None else factor * value for run in members])


def _mean_of(values: Sequence[float | None]) -> float | None:
    found = spread(values)
    return found.mean if found else None


def _columns(runs: Sequence[RunRow], task: Task) -> dict[str, Any]:
    main = METRICS[primary_metric(task)]
    percent, digits = (" %", "%.1f") if main.is_share else ("", "%.3f")
    title, number = heading(primary_metric(task), task), Column.NumberColumn
    return {
        "role": Column.TextColumn(_("Role"), help=_(
            "teacher: the network that is imitated. alone: the student's network trained without the teacher. "
            "distilled: trained with the teacher. compressed: made of one of these.")),
        "name": Column.TextColumn(_("Name"), help=_("Name of the variant."), pinned=True),
        "seeds": number(_("Seeds"), help=_("Seeds that were tested; figures are means over them."), format="%d"),
        "validation": number(
            _("Validation{percent}").format(percent=percent), format=digits,
            help=_("On the validation data, with the weights that are kept; choose by it, not by the test."),
        ),
        "score": number(f"{title}{percent}", format=digits, help=_("On the test set, mean over the seeds.")),
        "sd": number("±", format=digits, help=_("Standard deviation over the seeds.")),
        "gain": number(
            _("Gain"), format="%+.1f" if main.is_share else "%+.3f",
            help=_("Over the same network trained alone, mean over paired seeds; {unit}.").format(unit=main.unit)
            if main.unit else _("Over the same network trained alone, mean over paired seeds."),
        ),
        "verdict": Column.TextColumn(_("Verdict"), help=_("By the 95% interval of the paired seeds.")),
        "loss": number(heading(loss_metric(task), task), format="%.3f", help=_(
            "On the test set, mean over the seeds; lower is better."
        )),
        "ece": number(_("ECE %"), format="%.1f", help=_(
            "Expected calibration error: how far confidence is from accuracy; lower is better."
        )),
        "agreement": number(_("Agrees %"), format="%.1f", help=_(
            "Share of the test set on which it chooses the same class as the teacher."
        )),
        "p50": number(_("p50 ms"), format="%.3f", help=_(
            "Median ONNX latency of one batch; {conditions}."
        ).format(conditions=conditions_of(runs))),
        "parameters": number(_("Parameters"), format="localized", help=_("Trainable weights.")),
        "file": number(_("File kB"), format="%.1f", help=_("Size of the ONNX file; 1 kB is 1,000 bytes.")),
    }
