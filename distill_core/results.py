"""What an experiment's figures say: verdicts, and the result as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distill_core.catalog import Catalogue
from distill_core.evaluation.verdict import Verdict, paired_verdict
from distill_core.plan import digest, is_plain_baseline, with_baselines
from distill_core.rows import ExperimentView, RunRow

_WITH_FIGURES = ("finished", "reused")
_VERDICT_KEYS = ("student", "metric", "delta_mean", "ci_low", "ci_high", "seeds", "verdict")


def verdicts_of(view: ExperimentView, catalogue: Catalogue, *, metric: str = "accuracy") -> list[Verdict]:
    """Every variant against the same architecture trained alone on plain labels, by paired seeds.

    A variant is left out until it shares a finished seed with its baseline.
    """
    figures: dict[str, dict[int, float]] = {}
    for run in view.runs:
        if run.role != "teacher" and run.state in _WITH_FIGURES and getattr(run, metric) is not None:
            figures.setdefault(run.name, {})[run.seed] = getattr(run, metric)
    found = []
    baselines: dict[str, str] = {}
    # with_baselines puts each architecture's plain baseline before its rivals.
    for student in with_baselines(view.spec, catalogue):
        baseline = baselines.setdefault(digest(student.architecture.model_dump()), student.name)
        mine, theirs = figures.get(student.name, {}), figures.get(baseline, {})
        if not is_plain_baseline(student, catalogue) and mine.keys() & theirs.keys():
            found.append(
                paired_verdict(mine, theirs, student_name=student.name, baseline_name=baseline, metric=metric)
            )
    return found


def result_json(view: ExperimentView, verdicts: list[Verdict], *, folder: Path, now: float) -> dict[str, Any]:
    """The result that `run` and `show` print. Accuracies in 0..1, times in seconds, latency in milliseconds.

    What is not measured, and NaN, is null.
    """
    row = view.row
    seconds = row.busy_seconds
    if row.started_at is not None and row.finished_at is None:
        seconds += max(0.0, now - row.started_at)
    return {
        "experiment_id": row.experiment_id,
        "state": row.state,
        "seconds": round(seconds, 3),
        "verdicts": [_selected(verdict.to_json()) for verdict in verdicts],
        "runs": [_run_json(run, folder) for run in view.runs],
    }


def finite(value: float | None) -> float | None:
    """JSON has no NaN: null stands for it."""
    return value if value is not None and math.isfinite(value) else None


def _selected(verdict: Mapping[str, Any]) -> dict[str, Any]:
    return {key: verdict[key] for key in _VERDICT_KEYS}


def _run_json(run: RunRow, folder: Path) -> dict[str, Any]:
    onnx = None
    if run.onnx_path is not None:
        onnx = {
            "path": str(folder / run.onnx_path), "max_abs_diff": finite(run.max_abs_diff),
            "same_class": run.same_class, "total": run.test_total,
        }
    latency = [
        {name: getattr(row, name) for name in ("batch", "threads", "provider", "p50", "p95", "p99")}
        for row in run.latency
    ]
    return {
        "run_id": run.run_id, "role": run.role, "name": run.name, "seed": run.seed, "state": run.state,
        "parameters": run.parameters, "macs": run.macs, "size_bytes": run.size_bytes,
        "accuracy": finite(run.accuracy), "nll": finite(run.nll), "ece": finite(run.ece),
        "agreement": finite(run.agreement), "onnx": onnx, "latency_ms": latency or None,
    }
