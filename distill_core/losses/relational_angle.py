"""Relational angles: triples of samples form the same angles for the student as for the teacher."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from distill_core.entries import LossEntry
from distill_core.losses.taps import embedding, known, unit
from distill_core.losses.term import StepTensors, TapParams, TapShapes, TermFunction
from distill_core.signature import TASKS

_COINCIDENT = 1e-6
"""Samples nearer than this share of the mean distance have no direction from each other, only rounding errors."""


def relational_angle(student_embedding: Tensor, teacher_embedding: Tensor) -> Tensor:
    """Mean over all B^3 triples of the Huber loss between the cosines of both of the angle at the first sample.

    Shapes: [B,D] with any two D; memory grows with B^2*D and B^3. The teacher is detached.
    Park et al. 2019, https://arxiv.org/abs/1904.05068.
    """
    return F.smooth_l1_loss(_cosines(student_embedding), _cosines(teacher_embedding.detach()))


def _cosines(embeddings: Tensor) -> Tensor:
    """[B,B,B]: of the angle at sample i between j and k."""
    differences = embeddings.unsqueeze(0) - embeddings.unsqueeze(1)
    lengths = torch.linalg.vector_norm(differences.detach(), dim=2)
    directions = unit(differences, floor=_COINCIDENT * lengths.mean())
    return directions @ directions.transpose(1, 2)


class RelationalAngleParams(TapParams):
    samples: int = Field(
        64, ge=3, le=512, description="How many samples of each batch are compared: work grows with their cube."
    )


def build(params: RelationalAngleParams, shapes: TapShapes | None) -> TermFunction:
    known(shapes)

    def term(step: StepTensors) -> Tensor:
        student, teacher = step.taps()
        return relational_angle(embedding(student[: params.samples]), embedding(teacher[: params.samples]))

    return term


ENTRY = LossEntry(
    name="relational-angle",
    title="Relational angle (RKD)",
    summary="Learn the angles between the teacher's samples; published with a weight of 50, beside distances with 25.",
    source="https://arxiv.org/abs/1904.05068",
    params=RelationalAngleParams,
    traits=frozenset({"teacher", "embedding", *TASKS}),
    usual_weight=50.0,
    build=build,
)
