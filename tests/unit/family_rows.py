"""A family of runs with foreseeable figures: a teacher, a student alone and distilled, and what was made of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from distill_core.events import LayerZeros
from distill_core.rows import RunRow
from tests.unit.chart_rows import latency, run


def child(parent: RunRow, step: str, label: str, **figures: Any) -> RunRow:
    """A compressed run that differs from its parent in the figures given."""
    figures = {"strength": None, "latency": (), "layers": (), "onnx_size_bytes": parent.onnx_size_bytes} | figures
    return replace(
        parent, run_id=f"{parent.run_id}+{label}", role="compressed", name=f"{parent.name} › {label}",
        parent=parent.run_id, compression_step=step, epochs=0, **figures,
    )


def zeros(share: float) -> tuple[LayerZeros, ...]:
    return (
        LayerZeros(layer="conv", weights=100, zeros=round(100 * share)),
        LayerZeros(layer="head", weights=300, zeros=round(300 * share)),
    )


def stairs(seeds: int = 3) -> list[RunRow]:
    """distilled 0.96, pruned 0.86, tuned 0.95, int8 0.94 and twice as slow, the last of 2 kB and the others of 8."""
    rows = [run("teacher", "teacher", 50, accuracy=0.99, parameters=20_000, onnx_size_bytes=80_000,
                latency=(latency(0.1),))]
    rows += [run("baseline", "alone", seed, accuracy=0.92, onnx_size_bytes=8000) for seed in range(seeds)]
    for seed in range(seeds):
        measured = (latency(0.01),) if seed == 0 else ()
        score = 0.96 + seed / 1000
        distilled = run(
            "student", "distilled", seed, accuracy=score, latency=measured, onnx_size_bytes=8000 if seed == 0 else None,
        )
        # The loss differs from seed to seed, or its interval would be a point.
        pruned = child(
            distilled, "magnitude-pruning", "50% zeros", accuracy=score - 0.10 - seed / 500, strength=0.5,
            layers=zeros(0.5), latency=measured, onnx_size_bytes=8000, zipped_bytes=4000,
        )
        tuned = child(
            pruned, "fine-tuning", "fine-tuned (teacher)", accuracy=score - 0.01, layers=zeros(0.5), latency=measured,
        )
        slow = (latency(0.02),) if seed == 0 else ()
        int8 = child(
            tuned, "static-int8", "int8", accuracy=score - 0.02, onnx_size_bytes=2000, latency=slow, layers=zeros(0.5),
        )
        rows += [distilled, pruned, tuned, int8]
    return rows
