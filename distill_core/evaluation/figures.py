"""All figures of one network on the test data, from its answers alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distill_core.evaluation.accuracy import accuracy, nll
from distill_core.evaluation.agreement import agreement, teacher_kl
from distill_core.evaluation.calibration import ece
from distill_core.evaluation.per_class import confusion, per_class_accuracy
from distill_core.evaluation.regression import mse, r2
from distill_core.evaluation.steps import counted_steps
from distill_core.signature import Task

NAN = float("nan")


@dataclass(frozen=True, eq=False)
class Figures:
    """accuracy, ece and agreement in 0..1; nll and teacher_kl in nats; None without a teacher.

    Shapes: per_class float [K], NaN for a class without samples; confusion int [K,K], rows true.
    Of a regression these are NaN, None or empty, and r2, mse and teacher_mse (its squared distance from the teacher)
    stand in their stead, the latter two in the variance of the training targets; of any other task those are None.
    """

    accuracy: float = NAN
    nll: float = NAN
    ece: float = NAN
    per_class: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    confusion: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    agreement: float | None = None
    teacher_kl: float | None = None
    r2: float | None = None
    mse: float | None = None
    teacher_mse: float | None = None

    def for_event(self) -> dict[str, Any]:
        """The fields of `RunFinished` that tell these figures."""
        numbers = ("accuracy", "nll", "ece", "agreement", "teacher_kl", "r2", "mse", "teacher_mse")
        return {name: getattr(self, name) for name in numbers} | {
            "per_class": tuple(float(share) for share in self.per_class),
            "confusion": tuple(tuple(int(count) for count in row) for row in self.confusion),
        }


def evaluate(
    logits: ArrayLike, labels: ArrayLike, teacher_logits: ArrayLike | None = None, *, task: Task = "classification"
) -> Figures:
    """Every figure of a network that has a meaning for its task.

    Shapes: of a classification logits and teacher_logits [N,K], labels int [N]; of a tagging [N,L,K] and [N,L], where
    steps labelled -100 do not count and all others are samples; of a regression both float [N,D], NaN does not count.
    Raises ValueError if the shapes do not fit; logits with NaN give NaN figures, not an error.
    """
    if task == "regression":
        distance = None if teacher_logits is None else mse(logits, teacher_logits)
        return Figures(r2=r2(logits, labels), mse=mse(logits, labels), teacher_mse=distance)
    if task == "tagging":
        if teacher_logits is not None:
            teacher_logits, _ = counted_steps(teacher_logits, labels)
        logits, labels = counted_steps(logits, labels)
    return Figures(
        accuracy=accuracy(logits, labels),
        nll=nll(logits, labels),
        ece=ece(logits, labels),
        per_class=per_class_accuracy(logits, labels),
        confusion=confusion(logits, labels),
        agreement=None if teacher_logits is None else agreement(logits, teacher_logits),
        teacher_kl=None if teacher_logits is None else teacher_kl(logits, teacher_logits),
    )
