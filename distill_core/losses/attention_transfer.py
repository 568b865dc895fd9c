"""Attention transfer: the student looks where the teacher looks, whatever the channels."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from distill_core.entries import LossEntry
from distill_core.losses.taps import paired, pooled_alike, unit
from distill_core.losses.term import StepTensors, TapParams, TapShapes, TermFunction
from distill_core.signature import TASKS


def attention_transfer(student_map: Tensor, teacher_map: Tensor) -> Tensor:
    """Mean over B and positions of (a_student - a_teacher)^2, a = mean over channels of squares, as a unit vector.

    Shapes: [B,C,H,W] with positions H*W, or [B,L,D] with positions L; C, D and the sizes may differ, and the larger one
    is average-pooled before squaring. The teacher is detached. Zagoruyko and Komodakis 2017,
    https://arxiv.org/abs/1612.03928; their formula has the norm of the difference, this is their code's mean square.
    """
    student, teacher = pooled_alike(student_map, teacher_map.detach())
    return F.mse_loss(_attention(student), _attention(teacher))


def _attention(tap: Tensor) -> Tensor:
    """Energy of each position: [B,H*W] of [B,C,H,W], [B,L] of [B,L,D]."""
    return unit(tap.square().mean(dim=1 if tap.dim() == 4 else 2).flatten(1))


class AttentionTransferParams(TapParams):
    pass


def build(params: AttentionTransferParams, shapes: TapShapes | None) -> TermFunction:
    shapes = paired(shapes, least=2)
    for whose, shape in (("student", shapes.student), ("teacher", shapes.teacher)):
        if (shape[1] * shape[2] if len(shape) == 3 else shape[0]) == 1:
            raise ValueError(f"the {whose}'s layer has a single position, so nowhere to look; choose an earlier layer")

    def term(step: StepTensors) -> Tensor:
        return attention_transfer(*step.taps())

    return term


ENTRY = LossEntry(
    name="attention-transfer",
    title="Attention transfer",
    summary="Learn where in an image or sequence the teacher's layer is active; published with a weight of 1000.",
    source="https://arxiv.org/abs/1612.03928",
    params=AttentionTransferParams,
    traits=frozenset({"teacher", "map", *TASKS}),
    usual_weight=1000.0,
    build=build,
)
