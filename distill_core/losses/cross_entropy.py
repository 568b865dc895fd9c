"""Cross-entropy with the true labels, optionally smoothed: what learning from labels means."""

from __future__ import annotations

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from distill_core.catalog import LossEntry, Params
from distill_core.losses.term import NO_LABEL, StepTensors, TermFunction


def cross_entropy(student_logits: Tensor, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """Mean over the labelled samples of -sum_k q_k log softmax(student_logits)_k, in nats.

    Shapes: student_logits [B,K], labels int64 [B]; samples labelled NO_LABEL do not count, and a
    batch without labels gives 0. q is 1-s+s/K on the true class and s/K elsewhere, s = label_smoothing
    (Szegedy et al. 2016, https://arxiv.org/abs/1512.00567).
    """
    total = F.cross_entropy(
        student_logits, labels, ignore_index=NO_LABEL, label_smoothing=label_smoothing, reduction="sum"
    )
    return total / (labels != NO_LABEL).sum().clamp(min=1)


class CrossEntropyParams(Params):
    label_smoothing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of each label spread evenly over all classes: a control that needs no teacher.",
    )


def build(params: CrossEntropyParams) -> TermFunction:
    def term(step: StepTensors) -> Tensor:
        return cross_entropy(step.student_logits, step.labels, label_smoothing=params.label_smoothing)

    return term


ENTRY = LossEntry(
    name="cross-entropy",
    title="Labels (cross-entropy)",
    summary="Learn from the labels: the usual classification loss, optionally with smoothed labels.",
    source="https://arxiv.org/abs/1512.00567",
    params=CrossEntropyParams,
    traits=frozenset({"labels"}),
    build=build,
)
