"""Hint learning: an inner layer of the student regresses one of the teacher, through a learned regressor if needed."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from distill_core.entries import LossEntry
from distill_core.losses.taps import channels, paired, pooled_alike, regressor
from distill_core.losses.term import StepTensors, TapParams, TapShapes, TermFunction
from distill_core.signature import TASKS


def hint(student_map: Tensor, teacher_map: Tensor) -> Tensor:
    """Mean over all elements of (student - teacher)^2. Shapes: equal, such as [B,C,H,W]; the teacher is detached.

    Romero et al. 2015, https://arxiv.org/abs/1412.6550, use half the squared norm a sample; this is the mean, as
    published code computes it.
    """
    return F.mse_loss(student_map, teacher_map.detach())


class RegressedHint(nn.Module):
    """`hint` of taps of unlike shapes: the larger map is average-pooled, and the student's channels are regressed.

    The regressor is a 1x1 convolution of maps and a linear layer of steps and vectors. The paper's has the size of its
    kernel fitted to the maps instead of pooling.
    """

    def __init__(self, shapes: TapShapes) -> None:
        super().__init__()
        self.regressor = regressor(shapes.student, channels(shapes.teacher))

    def forward(self, step: StepTensors) -> Tensor:
        student, teacher = pooled_alike(*step.taps())
        return hint(self.regressor(student), teacher)


class HintParams(TapParams):
    pass


def build(params: HintParams, shapes: TapShapes | None) -> TermFunction:
    shapes = paired(shapes)
    if shapes.student != shapes.teacher:
        return RegressedHint(shapes)

    def term(step: StepTensors) -> Tensor:
        return hint(*step.taps())

    return term


ENTRY = LossEntry(
    name="hint",
    title="Hint (FitNets)",
    summary="Learn one of the teacher's inner layers by least squares; a small regressor is learned if shapes differ.",
    source="https://arxiv.org/abs/1412.6550",
    params=HintParams,
    traits=frozenset({"teacher", "map", *TASKS}),
    build=build,
)
