"""Variational information distillation: as a hint, with a learned variance that forgives what cannot be told."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from distill_core.entries import LossEntry
from distill_core.losses.taps import channels, paired, pooled_alike, regressor
from distill_core.losses.term import StepTensors, TapParams, TapShapes, TermFunction
from distill_core.signature import TASKS

_LEAST_VARIANCE = 1e-5


def vid(student_map: Tensor, teacher_map: Tensor, *, variance: Tensor) -> Tensor:
    """Mean over all elements of ((teacher - student)^2 / variance + log(variance)) / 2, in nats; may be below 0.

    The teacher's negative log-density under normal distributions around the student's (regressed) map, less the
    constant log(2*pi)/2. Shapes: maps equal, [B,C,H,W], [B,L,D] or [B,D]; variance above 0, one a channel, [C] or [D].
    The teacher is detached. Ahn et al. 2019, https://arxiv.org/abs/1904.05835.
    """
    if student_map.dim() == 4:
        variance = variance[:, None, None]
    return ((teacher_map.detach() - student_map) ** 2 / variance + variance.log()).mean() / 2


class InformationTerm(nn.Module):
    """`vid` with a learned regressor of three layers and a learned variance for each of the teacher's channels."""

    def __init__(self, shapes: TapShapes, *, variance: float) -> None:
        super().__init__()
        wanted = channels(shapes.teacher)
        self.regressor = regressor(shapes.student, wanted, hidden=wanted)
        # Of softplus(raw) + least variance = variance.
        raw = math.log(math.expm1(variance - _LEAST_VARIANCE))
        self.raw_variance = nn.Parameter(torch.full((wanted,), raw))

    def forward(self, step: StepTensors) -> Tensor:
        student, teacher = pooled_alike(*step.taps())
        variance = F.softplus(self.raw_variance) + _LEAST_VARIANCE
        return vid(self.regressor(student), teacher, variance=variance)


class VidParams(TapParams):
    variance: float = Field(
        5.0, ge=0.01, le=100, description="Variance that each channel begins with; it is learned from then on."
    )


def build(params: VidParams, shapes: TapShapes | None) -> TermFunction:
    return InformationTerm(paired(shapes), variance=params.variance)


ENTRY = LossEntry(
    name="vid",
    title="Variational information (VID)",
    summary="A hint that learns how well each of the teacher's channels can be told, and asks less of the others.",
    source="https://arxiv.org/abs/1904.05835",
    params=VidParams,
    traits=frozenset({"teacher", "map", *TASKS}),
    build=build,
)
