"""Similarity preserving: samples that are alike for the teacher are alike for the student."""

from __future__ import annotations

from torch import Tensor

from distill_core.entries import LossEntry
from distill_core.losses.taps import known, unit
from distill_core.losses.term import StepTensors, TapParams, TapShapes, TermFunction
from distill_core.signature import TASKS


def similarity_preserving(student_embedding: Tensor, teacher_embedding: Tensor) -> Tensor:
    """Mean over all B*B pairs of (g_student - g_teacher)^2, g = rows of f f^T at length 1, f [B,*] flattened.

    Shapes: [B,D], or maps as they are, of any two sizes. The teacher is detached.
    Tung and Mori 2019, https://arxiv.org/abs/1907.09682.
    """
    return (_similarities(student_embedding) - _similarities(teacher_embedding.detach())).square().mean()


def _similarities(features: Tensor) -> Tensor:
    flat = features.flatten(1)
    return unit(flat @ flat.t())


class SimilarityPreservingParams(TapParams):
    pass


def build(params: SimilarityPreservingParams, shapes: TapShapes | None) -> TermFunction:
    known(shapes)

    def term(step: StepTensors) -> Tensor:
        # The whole map, as in the paper: what is alike must be so at the same place.
        return similarity_preserving(*step.taps())

    return term


ENTRY = LossEntry(
    name="similarity-preserving",
    title="Similarity preserving",
    summary="Learn which samples of a batch the teacher finds alike; published with a weight of 3000.",
    source="https://arxiv.org/abs/1907.09682",
    params=SimilarityPreservingParams,
    traits=frozenset({"teacher", "embedding", *TASKS}),
    usual_weight=3000.0,
    build=build,
)
