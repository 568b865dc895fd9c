"""Relational distances: samples lie as far apart for the student as for the teacher, up to scale."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from distill_core.entries import LossEntry
from distill_core.losses.taps import embedding, known
from distill_core.losses.term import StepTensors, TapParams, TapShapes, TermFunction
from distill_core.signature import TASKS


def relational_distance(student_embedding: Tensor, teacher_embedding: Tensor) -> Tensor:
    """Mean over all B*B pairs of the Huber loss between the distances of both, each divided by its own mean.

    Shapes: [B,D] with any two D; distances are Euclidean, their mean is over pairs that are apart. The teacher is
    detached. Park et al. 2019, https://arxiv.org/abs/1904.05068.
    """
    return F.smooth_l1_loss(_distances(student_embedding), _distances(teacher_embedding.detach()))


def _distances(embeddings: Tensor) -> Tensor:
    # Without the detour over dot products, which loses small distances in float32.
    distances = torch.cdist(embeddings, embeddings, compute_mode="donot_use_mm_for_euclid_dist")
    apart = (distances > 0).sum()
    mean = distances.sum() / apart.clamp(min=1)
    return distances / torch.where(apart > 0, mean, 1)


class RelationalDistanceParams(TapParams):
    pass


def build(params: RelationalDistanceParams, shapes: TapShapes | None) -> TermFunction:
    known(shapes)

    def term(step: StepTensors) -> Tensor:
        student, teacher = step.taps()
        return relational_distance(embedding(student), embedding(teacher))

    return term


ENTRY = LossEntry(
    name="relational-distance",
    title="Relational distance (RKD)",
    summary="Learn how far apart the teacher holds samples; published with a weight of 25, beside angles with 50.",
    source="https://arxiv.org/abs/1904.05068",
    params=RelationalDistanceParams,
    traits=frozenset({"teacher", "embedding", *TASKS}),
    usual_weight=25.0,
    build=build,
)
