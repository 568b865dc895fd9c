"""Logit matching by squared error: the student regresses the teacher's logits, or its values in a regression."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from distill_core.entries import LossEntry, Params
from distill_core.losses.term import StepTensors, TapShapes, TermFunction


def mse_logits(student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """Mean over B*K of (student - teacher)^2. Shapes: both [B,K]; the teacher is detached.

    Ba and Caruana 2014 (https://arxiv.org/abs/1312.6184) use half the squared norm a sample; this
    is the mean over classes too, as published code computes it.
    """
    return F.mse_loss(student_logits, teacher_logits.detach())


class MseLogitsParams(Params):
    pass


def build(params: MseLogitsParams, shapes: TapShapes | None) -> TermFunction:
    def term(step: StepTensors) -> Tensor:
        return mse_logits(step.student_logits, step.teacher())

    return term


ENTRY = LossEntry(
    name="mse-logits",
    title="Logit regression (MSE)",
    summary="Learn the teacher's raw logits by least squares, or its values in a regression; slower than soft labels.",
    source="https://arxiv.org/abs/1312.6184",
    params=MseLogitsParams,
    traits=frozenset({"teacher", "classification", "tagging", "regression"}),
    build=build,
)
