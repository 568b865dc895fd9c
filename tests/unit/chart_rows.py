"""Rows as the store gives them, with figures that a test can foresee."""

from __future__ import annotations

from typing import Any

from distill_core.events import LatencyRow, Role
from distill_core.rows import RunRow

CLASSES = ("cat", "dog", "owl")


def latency(p50: float, *, batch: int = 1, threads: int = 1, machine: str = "Test machine") -> LatencyRow:
    return LatencyRow(
        batch=batch, threads=threads, provider="CPUExecutionProvider", p50=p50, p95=p50 * 1.5, p99=p50 * 2,
        repeats=200, machine=machine,
    )


def run(role: Role, name: str, seed: int = 0, *, experiment: str = "e1", **figures: Any) -> RunRow:
    values: dict[str, Any] = {
        "state": "finished", "architecture": "tiny-cnn", "parameters": 1898, "macs": 50_000, "size_bytes": 7_592,
        "epochs": 10, "best_epoch": 8, "accuracy": 0.9 + seed / 100, "per_class": (0.8, 0.9, 1.0),
        "confusion": ((8, 1, 1), (0, 9, 1), (0, 0, 10)),
    }
    values |= figures
    return RunRow(
        run_id=f"{experiment}-{role}-{name}-{seed}", experiment_id=experiment,
        experiment_name=f"Experiment {experiment}", role=role, name=name, seed=seed, **values,
    )


def digits_like(seeds: int = 5) -> list[RunRow]:
    """A teacher and four variants: the default preset's shape."""
    rows = [run("teacher", "teacher", 50, accuracy=0.99, parameters=25_978, latency=(latency(0.12),))]
    for name, role in (("alone", "baseline"), ("alone, smoothed", "baseline"), ("T=1", "student"), ("T=8", "student")):
        measured = {0: (latency(0.025),)}
        rows += [run(role, name, seed, latency=measured.get(seed, ())) for seed in range(seeds)]
    return rows
