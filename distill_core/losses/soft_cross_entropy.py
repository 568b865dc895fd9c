"""Cross-entropy with the teacher's softened probabilities: soft labels, with the teacher's entropy left in."""

from __future__ import annotations

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from distill_core.entries import LossEntry, Params
from distill_core.losses.term import StepTensors, TapShapes, TermFunction


def soft_cross_entropy(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float) -> Tensor:
    """T^2 * mean over the batch of -sum_k softmax(teacher/T)_k log softmax(student/T)_k, in nats.

    Shapes: both [B,K]. The teacher is detached. It is `kd` plus T^2 times the teacher's entropy, so that its gradient
    is that of `kd` (Hinton et al. 2015, section 2, https://arxiv.org/abs/1503.02531) and its least value is not 0.
    """
    student = F.log_softmax(student_logits / temperature, dim=1)
    teacher = F.softmax(teacher_logits.detach() / temperature, dim=1)
    return F.cross_entropy(student, teacher) * temperature**2


class SoftCrossEntropyParams(Params):
    temperature: float = Field(
        4.0,
        gt=0,
        le=1000,
        description="Above 1 it softens the teacher's answer, so that its second choices show.",
    )


def build(params: SoftCrossEntropyParams, shapes: TapShapes | None) -> TermFunction:
    def term(step: StepTensors) -> Tensor:
        return soft_cross_entropy(step.student_logits, step.teacher(), temperature=params.temperature)

    return term


ENTRY = LossEntry(
    name="soft-cross-entropy",
    title="Soft labels (cross-entropy)",
    summary="Trains exactly as KD does; the value also holds the teacher's own entropy, so it never falls to 0.",
    source="https://arxiv.org/abs/1503.02531",
    params=SoftCrossEntropyParams,
    traits=frozenset({"teacher", "classification", "tagging"}),
    build=build,
)
