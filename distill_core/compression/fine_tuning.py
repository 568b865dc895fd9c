"""Training a compressed network further, with the teacher (distillation again) or on labels alone."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.compression_step import TrainingStep
from distill_core.entries import CompressionEntry, Params
from distill_core.signature import INPUT_KINDS, TASKS


class FineTuningParams(Params):
    learn_from: Literal["teacher", "labels"] = Field(
        "teacher", description="teacher: its answers and the labels; labels: as the student alone."
    )
    epochs: int = Field(10, ge=1, le=10_000, description="At most; the best one by validation is kept.")
    learning_rate: float = Field(3e-3, gt=0, le=100, description="Where the schedule begins; lower than in training.")
    patience: int | None = Field(None, ge=1, le=10_000, description="Stop after so many epochs without a better one.")
    temperature: float = Field(4.0, gt=0, le=100, description="Softens the teacher's answers; not of a regression.")
    labels_weight: float = Field(0.1, ge=0, le=1, description="Weight of the labels; the teacher has the rest.")


def build(params: FineTuningParams) -> TrainingStep:
    labels = 1.0 if params.learn_from == "labels" else params.labels_weight
    return TrainingStep(
        epochs=params.epochs, learning_rate=params.learning_rate, patience=params.patience, labels_weight=labels,
        teacher_weight=1.0 - labels, temperature=params.temperature,
    )


ENTRY = CompressionEntry(
    name="fine-tuning", title="Fine-tuning", summary="Train what was pruned or rounded further; zeros stay zeros.",
    source="Hinton et al. 2015, https://arxiv.org/abs/1503.02531; Han et al. 2015, https://arxiv.org/abs/1506.02626",
    params=FineTuningParams, traits=frozenset({"trains", *INPUT_KINDS, *TASKS}), label="fine-tuned ({learn_from})",
    build=build,
)
