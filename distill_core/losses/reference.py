"""Computes the losses on the inputs of the published reference values, and tells how far they are from them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from distill_core.losses.attention_transfer import attention_transfer
from distill_core.losses.cross_entropy import cross_entropy
from distill_core.losses.dist import dist
from distill_core.losses.dkd import dkd
from distill_core.losses.hint import hint
from distill_core.losses.kd import kd
from distill_core.losses.mse_logits import mse_logits
from distill_core.losses.relational_angle import relational_angle
from distill_core.losses.relational_distance import relational_distance
from distill_core.losses.soft_cross_entropy import soft_cross_entropy
from distill_core.losses.standardised_kd import standardised_kd

REFERENCE_FILE = Path(__file__).parent / "reference_values.json"
TOLERANCE = 1e-8
"""The values have ten digits after the point."""


@dataclass(frozen=True)
class Comparison:
    """One value of ours beside the one that was computed elsewhere; `source` is empty where none is on record."""

    what: str
    settings: Mapping[str, float]
    source: str
    expected: float
    found: float

    @property
    def difference(self) -> float:
        return abs(self.found - self.expected)

    @property
    def agrees(self) -> bool:
        """False of NaN, too."""
        return self.difference <= TOLERANCE


@dataclass(frozen=True)
class _Inputs:
    """float64 without any randomness: logits [B,K], labels [B], maps [B,8,4,4] and [B,8,8,8]."""

    student: Tensor
    teacher: Tensor
    labels: Tensor
    student_map: Tensor
    teacher_map: Tensor
    large_map: Tensor

    def embeddings(self) -> tuple[Tensor, Tensor]:
        return self.student_map.mean(dim=(2, 3)), self.teacher_map.mean(dim=(2, 3))

    def cross_entropy(self) -> Tensor:
        return cross_entropy(self.student, self.labels)


def _inputs(labels: list[int], *, batch: int, classes: int) -> _Inputs:
    def logits(value: Callable[[int, int], float]) -> Tensor:
        rows = [[value(i, j) for j in range(classes)] for i in range(batch)]
        return torch.tensor(rows, dtype=torch.float64)

    def wave(size: int, *, speed: float, start: float) -> Tensor:
        places = torch.arange(batch * 8 * size * size, dtype=torch.float64)
        return torch.sin(speed * places + start).reshape(batch, 8, size, size)

    return _Inputs(
        student=logits(lambda i, j: 2 * math.sin(0.7 * i + 1.3 * j)),
        teacher=logits(lambda i, j: 3 * math.cos(0.5 * i + 0.9 * j)),
        labels=torch.tensor(labels), student_map=wave(4, speed=0.37, start=0.1),
        teacher_map=wave(4, speed=0.53, start=0.9), large_map=wave(8, speed=0.53, start=0.9),
    )


def _dkd(one: _Inputs, *, temperature: float, alpha: float, beta: float) -> Tensor:
    return dkd(
        one.student, one.teacher, one.labels, target_weight=alpha, non_target_weight=beta, temperature=temperature
    )


def _dist(one: _Inputs, *, tau: float, beta: float = 1, gamma: float = 1) -> Tensor:
    return dist(one.student, one.teacher, inter_weight=beta, intra_weight=gamma, temperature=tau)


# By the names that the file of reference values gives them; its parameters have the names that the papers use.
_CASES: dict[str, Callable[..., Tensor]] = {
    "cross_entropy": lambda one: one.cross_entropy(),
    "kd": lambda one, **given: kd(one.student, one.teacher, **given),
    "0.1*cross_entropy + 0.9*kd":
        lambda one, **given: 0.1 * one.cross_entropy() + 0.9 * kd(one.student, one.teacher, **given),
    "soft_cross_entropy (T^2 inside)": lambda one, **given: soft_cross_entropy(one.student, one.teacher, **given),
    "mse_logits (mean over B*K)": lambda one: mse_logits(one.student, one.teacher),
    "hint without regressor (mean)": lambda one: hint(one.student_map, one.teacher_map),
    "attention_transfer, equal sizes (mean, p=2)": lambda one: attention_transfer(one.student_map, one.teacher_map),
    "attention_transfer, teacher_map_large (larger map average-pooled)":
        lambda one: attention_transfer(one.student_map, one.large_map),
    "relational distance": lambda one: relational_distance(*one.embeddings()),
    "relational angle": lambda one: relational_angle(*one.embeddings()),
    "25*distance + 50*angle":
        lambda one: 25 * relational_distance(*one.embeddings()) + 50 * relational_angle(*one.embeddings()),
    "dkd target part": partial(_dkd, alpha=1, beta=0),
    "dkd non-target part": partial(_dkd, alpha=0, beta=1),
    "dkd": _dkd,
    "dist": _dist,
    "kd on standardised logits: 0.1*cross_entropy + 0.9*kd":
        lambda one, **given: 0.1 * one.cross_entropy() + 0.9 * standardised_kd(one.student, one.teacher, **given),
}


def compare_losses() -> list[Comparison]:
    """Every reference value beside ours, in the order of the file; raises KeyError for a value without a case."""
    reference: dict[str, Any] = json.loads(REFERENCE_FILE.read_text(encoding="utf-8"))
    given = reference["inputs"]
    inputs = _inputs(given["labels"], batch=given["B"], classes=given["K"])
    result: list[Comparison] = []
    sources: dict[str, str] = {}
    for item in reference["values"]:
        name, settings = item["loss"], item.get("params", {})
        # A source is told with the first value of a loss, and holds for its other settings.
        source = sources.setdefault(name, item.get("source", ""))
        found = float(_CASES[name](inputs, **settings))
        result.append(Comparison(name, settings, source, float(item["value"]), found))
    return result
