"""Correlation congruence: the student's kernel between samples is the teacher's."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor

from distill_core.entries import LossEntry
from distill_core.losses.taps import embedding, known, unit
from distill_core.losses.term import StepTensors, TapParams, TapShapes, TermFunction
from distill_core.signature import TASKS


def correlation(student_embedding: Tensor, teacher_embedding: Tensor, *, gamma: float = 0.4, order: int = 2) -> Tensor:
    """Mean over all B*B pairs of (k_student - k_teacher)^2, without unit.

    k(x,y) = sum for p = 0..order of exp(-2*gamma) * (2*gamma)^p / p! * (x.y)^p is the Taylor series of the Gaussian
    kernel exp(-gamma*|x-y|^2) of embeddings at length 1. Shapes: [B,D] with any two D, for only kernels are compared.
    The teacher is detached. Peng et al. 2019, https://arxiv.org/abs/1904.01802.
    """
    student = _kernel(student_embedding, gamma=gamma, order=order)
    teacher = _kernel(teacher_embedding.detach(), gamma=gamma, order=order)
    return (student - teacher).square().mean()


def _kernel(embeddings: Tensor, *, gamma: float, order: int) -> Tensor:
    directions = unit(embeddings)
    cosines = directions @ directions.t()
    kernel = torch.ones_like(cosines)
    for power in range(1, order + 1):
        kernel = kernel + (2 * gamma) ** power / math.factorial(power) * cosines**power
    return math.exp(-2 * gamma) * kernel


class CorrelationParams(TapParams):
    gamma: float = Field(0.4, gt=0, le=10, description="How fast the kernel calls samples unlike as they move apart.")
    order: int = Field(2, ge=1, le=10, description="Powers of the likeness that count; more come closer to the kernel.")


def build(params: CorrelationParams, shapes: TapShapes | None) -> TermFunction:
    known(shapes)

    def term(step: StepTensors) -> Tensor:
        student, teacher = step.taps()
        return correlation(embedding(student), embedding(teacher), gamma=params.gamma, order=params.order)

    return term


ENTRY = LossEntry(
    name="correlation",
    title="Correlation congruence",
    summary="Learn how strongly the teacher relates each two samples of a batch, by a Gaussian kernel.",
    source="https://arxiv.org/abs/1904.01802",
    params=CorrelationParams,
    traits=frozenset({"teacher", "embedding", *TASKS}),
    build=build,
)
