"""All figures of one network on the test data, from its logits alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distill_core.evaluation.accuracy import accuracy, nll
from distill_core.evaluation.agreement import agreement, teacher_kl
from distill_core.evaluation.calibration import ece
from distill_core.evaluation.per_class import confusion, per_class_accuracy


@dataclass(frozen=True, eq=False)
class Figures:
    """accuracy, ece and agreement in 0..1; nll and teacher_kl in nats; None without a teacher.

    Shapes: per_class float [K], NaN for a class without samples; confusion int [K,K], rows true.
    """

    accuracy: float
    nll: float
    ece: float
    per_class: NDArray[np.float64]
    confusion: NDArray[np.int64]
    agreement: float | None = None
    teacher_kl: float | None = None


def evaluate(logits: ArrayLike, labels: ArrayLike, teacher_logits: ArrayLike | None = None) -> Figures:
    """Every figure of a network. Shapes: logits and teacher_logits [N,K], labels int [N].

    Raises ValueError if the shapes do not fit; logits with NaN give NaN figures, not an error.
    """
    return Figures(
        accuracy=accuracy(logits, labels),
        nll=nll(logits, labels),
        ece=ece(logits, labels),
        per_class=per_class_accuracy(logits, labels),
        confusion=confusion(logits, labels),
        agreement=None if teacher_logits is None else agreement(logits, teacher_logits),
        teacher_kl=None if teacher_logits is None else teacher_kl(logits, teacher_logits),
    )
