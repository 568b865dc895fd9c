"""What an experiment's figures say: verdicts, and the result as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from distill_core.catalog import Catalogue
from distill_core.errors import NotFound
from distill_core.evaluation.metrics import primary_metric
from distill_core.evaluation.verdict import Verdict, paired_verdict
from distill_core.plan import baseline_of, with_baselines
from distill_core.rows import ExperimentView, RunRow

_WITH_FIGURES = ("finished", "reused")
_VERDICT_KEYS = ("student", "metric", "delta_mean", "ci_low", "ci_high", "seeds", "verdict")


def baselines_of(view: ExperimentView, catalogue: Catalogue) -> dict[str, str]:
    """For each variant's name the name of the one trained alone that it is judged against; plain ones have none."""
    students = with_baselines(view.spec, catalogue)
    found = {student.name: baseline_of(student, students, catalogue) for student in students}
    return {name: baseline.name for name, baseline in found.items() if baseline is not None}


def verdicts_of(view: ExperimentView, catalogue: Catalogue, *, metric: str = "") -> list[Verdict]:
    """Every variant against the same network trained alone, by paired seeds; by default in the task's main figure.

    A variant is left out until it shares a finished seed with its baseline.
    """
    chosen = metric or primary_metric(view.task)
    figures: dict[str, dict[int, float]] = {}
    for run in view.runs:
        trained = run.role in ("baseline", "student") and run.state in _WITH_FIGURES
        if trained and getattr(run, chosen) is not None:
            figures.setdefault(run.name, {})[run.seed] = getattr(run, chosen)
    return [
        paired_verdict(figures[name], figures[baseline], student_name=name, baseline_name=baseline, metric=chosen)
        for name, baseline in baselines_of(view, catalogue).items()
        if figures.get(name, {}).keys() & figures.get(baseline, {}).keys()
    ]


def leading(view: ExperimentView, verdicts: Sequence[Verdict], validation: Mapping[str, float]) -> list[Verdict]:
    """The verdicts on distilled students, first that on the one to look at first.

    Those that were helped, the largest gain first; then the others, the best by validation (by run id) first.
    """
    seeds: dict[str, list[float]] = {}
    for run in view.runs:
        if run.role == "student" and math.isfinite(figure := validation.get(run.run_id, math.nan)):
            seeds.setdefault(run.name, []).append(figure)
    distilled = {run.name for run in view.runs if run.role == "student"}

    def place(verdict: Verdict) -> tuple[bool, float]:
        gain = verdict.delta_mean if verdict.higher_is_better else -verdict.delta_mean
        if verdict.verdict == "helped":
            return False, -gain
        figures = seeds.get(verdict.student)
        return True, -fmean(figures) if figures else math.inf

    return sorted((verdict for verdict in verdicts if verdict.student in distilled), key=place)


def result_json(view: ExperimentView, verdicts: list[Verdict], *, folder: Path, now: float) -> dict[str, Any]:
    """The result that `run` and `show` print. Accuracies in 0..1, times in seconds, latency in milliseconds.

    What is not measured, has no meaning for the task or is NaN, is null.
    """
    row = view.row
    seconds = row.busy_seconds
    if row.started_at is not None and row.finished_at is None:
        seconds += max(0.0, now - row.started_at)
    return {
        "experiment_id": row.experiment_id,
        "state": row.state,
        "task": view.task,
        "seconds": round(seconds, 3),
        "verdicts": [_selected(verdict.to_json()) for verdict in verdicts],
        "runs": [_run_json(run, folder) for run in view.runs],
    }


def run_of(view: ExperimentView, run_id: str) -> RunRow:
    """One of an experiment's runs. Raises NotFound."""
    found = next((run for run in view.runs if run.run_id == run_id), None)
    if found is None:
        raise NotFound(f"There is no run {run_id[:60]!r} in experiment {view.row.experiment_id}.")
    return found


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
        "parent": run.parent or None, "step": run.compression_step or None, "strength": finite(run.strength),
        "parameters": run.parameters, "macs": run.macs, "size_bytes": run.size_bytes,
        "onnx_size_bytes": run.onnx_size_bytes, "zipped_bytes": run.zipped_bytes,
        "accuracy": finite(run.accuracy), "nll": finite(run.nll), "ece": finite(run.ece),
        "agreement": finite(run.agreement), "r2": finite(run.r2), "mse": finite(run.mse),
        "teacher_mse": finite(run.teacher_mse), "onnx": onnx, "latency_ms": latency or None,
    }
