"""Soft labels of standardised logits: the student need not match the size of the teacher's logits."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from distill_core.entries import LossEntry, Params
from distill_core.losses.kd import kd
from distill_core.losses.term import StepTensors, TapShapes, TermFunction

_EPSILON = 1e-7


def standardised_kd(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float) -> Tensor:
    """`kd` of logits standardised in each sample: (z - mean(z)) / (std(z) + 1e-7), in nats.

    Shapes: both [B,K], K >= 3: two standardised logits are always the same pair, which teaches nothing (ValueError).
    std is the unbiased one, as published code computes it. The teacher is detached.
    Sun et al. 2024, https://arxiv.org/abs/2403.01427.
    """
    if student_logits.shape[1] < 3:
        raise ValueError("standardised logits of fewer than three classes teach nothing; choose the term kd instead")
    return kd(_standardised(student_logits), _standardised(teacher_logits.detach()), temperature=temperature)


def _standardised(logits: Tensor) -> Tensor:
    centred = logits - logits.mean(dim=1, keepdim=True)
    return centred / (logits.std(dim=1, keepdim=True) + _EPSILON)


class StandardisedKdParams(Params):
    temperature: float = Field(
        2.0, gt=0, le=1000, description="Above 1 it softens the standardised answers, so that second choices show."
    )


def build(params: StandardisedKdParams, shapes: TapShapes | None) -> TermFunction:
    def term(step: StepTensors) -> Tensor:
        return standardised_kd(step.student_logits, step.teacher(), temperature=params.temperature)

    return term


ENTRY = LossEntry(
    name="standardised-kd",
    title="Soft labels of standardised logits",
    summary="Learn how the teacher ranks and spaces the classes, not how large its logits are; needs three classes.",
    source="https://arxiv.org/abs/2403.01427",
    params=StandardisedKdParams,
    traits=frozenset({"teacher", "classification", "tagging"}),
    build=build,
)
