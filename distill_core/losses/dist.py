"""DIST: the student's probabilities correlate with the teacher's, in each sample and in each class."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from distill_core.entries import LossEntry, Params
from distill_core.losses.term import StepTensors, TapShapes, TermFunction

_EPSILON = 1e-8


def dist(
    student_logits: Tensor, teacher_logits: Tensor, *, inter_weight: float, intra_weight: float, temperature: float
) -> Tensor:
    """T^2 * (inter_weight * (1 - r over classes) + intra_weight * (1 - r over samples)), without unit.

    r is Pearson's correlation of softmax(student/T) with softmax(teacher/T): over the K classes of each sample (mean
    over the batch), and over the B samples of each class (mean over the classes). Shapes: both [B,K]; the teacher is
    detached. Huang et al. 2022, https://arxiv.org/abs/2205.10536; T^2 and the 1e-8 in the denominator as in their code.
    """
    student = torch.softmax(student_logits / temperature, dim=1)
    teacher = torch.softmax(teacher_logits.detach() / temperature, dim=1)
    inter, intra = 1 - _correlation(student, teacher, dim=1), 1 - _correlation(student, teacher, dim=0)
    return (inter_weight * inter + intra_weight * intra) * temperature**2


def _correlation(first: Tensor, second: Tensor, *, dim: int) -> Tensor:
    first, second = (values - values.mean(dim=dim, keepdim=True) for values in (first, second))
    sizes = torch.linalg.vector_norm(first, dim=dim) * torch.linalg.vector_norm(second, dim=dim)
    return ((first * second).sum(dim=dim) / (sizes + _EPSILON)).mean()


class DistParams(Params):
    inter_weight: float = Field(
        1.0, ge=0, le=1000, description="Weight of the correlation over the classes of each sample."
    )
    intra_weight: float = Field(
        1.0, ge=0, le=1000, description="Weight of the correlation over the samples of each class."
    )
    temperature: float = Field(
        1.0, gt=0, le=1000, description="Above 1 it softens both answers, so that second choices show."
    )


def build(params: DistParams, shapes: TapShapes | None) -> TermFunction:
    def term(step: StepTensors) -> Tensor:
        return dist(
            step.student_logits,
            step.teacher(),
            inter_weight=params.inter_weight,
            intra_weight=params.intra_weight,
            temperature=params.temperature,
        )

    return term


ENTRY = LossEntry(
    name="dist",
    title="Correlated answers (DIST)",
    summary="Learn how the teacher orders classes and samples: correlation instead of equality, for strong teachers.",
    source="https://arxiv.org/abs/2205.10536",
    params=DistParams,
    traits=frozenset({"teacher", "classification", "tagging"}),
    build=build,
)
