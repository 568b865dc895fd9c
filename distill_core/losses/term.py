"""What a loss term sees at one training step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

NO_LABEL = -100
"""The label of a sample whose class the student must not know (PyTorch's usual ignore index)."""


@dataclass(frozen=True, slots=True)
class StepTensors:
    """One batch: student_logits [B,K], teacher_logits [B,K] or None, labels int64 [B] or NO_LABEL."""

    student_logits: Tensor
    teacher_logits: Tensor | None
    labels: Tensor

    def teacher(self) -> Tensor:
        """The teacher's logits [B,K], detached; a term that reads them has the trait `teacher`."""
        if self.teacher_logits is None:
            raise ValueError("this step has no teacher, yet a term reads its logits")
        return self.teacher_logits


TermFunction = Callable[[StepTensors], Tensor]
