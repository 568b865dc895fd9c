"""How much accuracy each network keeps while its inputs are disturbed more and more."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from distill_core.evaluation.metrics import primary_metric
from distill_core.examination.bench import Bench
from distill_core.examination.disturbances import OF_KIND, Disturbance
from distill_core.examined import Curve, Robustness
from distill_core.signature import NO_LABEL
from distill_core.training.scores import score

MOST_SAMPLES = 1000
_BATCH = 256


def units(bench: Bench) -> int:
    """How often `go_on` is called."""
    return 1 + sum(len(kind.strengths) for kind in _kinds(bench))


def examine(bench: Bench) -> Robustness | None:
    """Curves of every network and ONNX file, on the same samples disturbed in the same way; None if stopped."""
    kinds = _kinds(bench)
    if not kinds:
        return Robustness(**bench.common(absent=(
            "Words cannot be left out or misspelt where each word has a label, so nothing is disturbed here."
        )))
    rows = bench.rows(bench.affordable(units(bench), most=MOST_SAMPLES))
    labels = bench.data.test_labels[rows]
    clean = _values(bench, rows, labels, None, 0.0)
    if not bench.go_on():
        return None
    curves = []
    for kind in kinds:
        found = [clean]
        for strength in kind.strengths:
            found.append(_values(bench, rows, labels, kind, strength))
            if not bench.go_on():
                return None
        curves += [
            Curve(
                run_id=one.facts.run_id, kind=kind.name, strengths=(0.0, *kind.strengths),
                values=tuple(value[number] for value in found),
            )
            for number, one in enumerate(bench.examinees)
        ]
    task = bench.data.task
    counted = 0 if task == "regression" else int((labels != NO_LABEL).sum())
    return Robustness(
        **bench.common(samples=len(rows)), metric=primary_metric(task), counted=counted, curves=tuple(curves)
    )


def _kinds(bench: Bench) -> tuple[Disturbance, ...]:
    data = bench.data
    return () if data.kind == "text" and data.task == "tagging" else OF_KIND[data.kind]


def _values(
    bench: Bench, rows: Tensor, labels: Tensor, kind: Disturbance | None, strength: float
) -> list[float | None]:
    """Each network's success on the samples at these rows of the test set, disturbed."""
    answers: list[list[Tensor]] = [[] for _ in bench.examinees]
    for part in rows.split(_BATCH):
        raw = bench.normalise.raw(bench.data.test_inputs[part])
        if kind is not None:
            raw = kind.apply(raw, strength, part.tolist(), bench.data)
        for number, one in enumerate(bench.examinees):
            answers[number].append(one.ask(raw))
    found = [score(torch.cat(parts), labels, None, task=bench.data.task).success for parts in answers]
    return [value if math.isfinite(value) else None for value in found]
