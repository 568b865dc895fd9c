"""Logit matching by softened probabilities: the distillation loss of Hinton, Vinyals and Dean."""

from __future__ import annotations

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from distill_core.entries import LossEntry, Params
from distill_core.losses.term import StepTensors, TapShapes, TermFunction


def kd(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float) -> Tensor:
    """T^2 * mean over the batch of KL(softmax(teacher/T) || softmax(student/T)), in nats.

    Shapes: both [B,K]. The teacher is detached. T^2 keeps the gradient's size independent of T
    (Hinton et al. 2015, section 2, https://arxiv.org/abs/1503.02531); its gradient with respect to
    the student's logits is T * (p_student - p_teacher) / B.
    """
    student = F.log_softmax(student_logits / temperature, dim=1)
    teacher = F.log_softmax(teacher_logits.detach() / temperature, dim=1)
    return F.kl_div(student, teacher, reduction="batchmean", log_target=True) * temperature**2


class KdParams(Params):
    temperature: float = Field(
        4.0,
        gt=0,
        le=1000,
        description="Above 1 it softens the teacher's answer, so that its second choices show.",
    )


def build(params: KdParams, shapes: TapShapes | None) -> TermFunction:
    def term(step: StepTensors) -> Tensor:
        return kd(step.student_logits, step.teacher(), temperature=params.temperature)

    return term


ENTRY = LossEntry(
    name="kd",
    title="Soft labels (KD)",
    summary="Learn from the teacher's softened class probabilities.",
    source="https://arxiv.org/abs/1503.02531",
    params=KdParams,
    traits=frozenset({"teacher", "classification", "tagging"}),
    build=build,
)
