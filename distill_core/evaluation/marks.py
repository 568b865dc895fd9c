"""What a network's answer to each single test sample is worth, from which every figure follows as a mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distill_core.evaluation.probabilities import as_logits, as_pair, log_softmax
from distill_core.signature import NO_LABEL, Task

MOST_GUESSES = 5
_CELLS_AT_ONCE = 4_000_000

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Marks:
    """One network on M samples; of a tagging each step that has a label is one. All arrays [M].

    `sample`: its row in the test set. `predicted`: the class of the largest logit, the first of equals. `rank`: how
    many classes come before the true one. `nll` in nats; `brier`: the sum over the classes of the squared difference
    between probability and truth, 0..2 (Brier 1950); `confidence`: the top class's probability. `classes`: K.
    """

    sample: Ints
    label: Ints
    predicted: Ints
    rank: Ints
    nll: Floats
    brier: Floats
    confidence: Floats
    classes: int

    @property
    def right(self) -> NDArray[np.bool_]:
        return self.predicted == self.label

    @property
    def guesses(self) -> int:
        return guesses_of(self.classes)

    @property
    def in_guesses(self) -> NDArray[np.bool_]:
        return self.rank < self.guesses


def guesses_of(classes: int) -> int:
    """The k of the top-k figure: 5, or one less than there are classes, for with all of them nobody errs."""
    return max(1, min(MOST_GUESSES, classes - 1))


def marks(logits: ArrayLike, labels: ArrayLike, *, task: Task = "classification") -> Marks:
    """Shapes: of a classification [N,K] and int [N], of a tagging [N,L,K] and [N,L] with -100 where there is no label.

    Raises ValueError where they do not fit, or a logit is not a number.
    """
    scores, classes, sample = counted(logits, labels, task=task)
    rows = max(1, _CELLS_AT_ONCE // scores.shape[1])
    parts = [_of(scores[start : start + rows], classes[start : start + rows]) for start in range(0, len(scores), rows)]
    predicted, rank, nll, brier, confidence = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Marks(sample, classes, predicted, rank, nll, brier, confidence, scores.shape[1])


def counted(logits: ArrayLike, labels: ArrayLike, *, task: Task) -> tuple[NDArray[np.floating], Ints, Ints]:
    """Logits [M,K], labels [M] and rows of the test set [M]: of a tagging a row a step that has a label."""
    given, classes = np.asarray(logits), np.asarray(labels)
    if task == "tagging":
        if given.ndim != 3 or classes.shape != given.shape[:2]:
            raise ValueError(f"logits have shape {given.shape} and labels {classes.shape}; expected [N,L,K] and [N,L]")
        kept = classes != NO_LABEL
        sample, _ = np.nonzero(kept)
        return given[kept], classes[kept].astype(np.int64), sample
    return given, classes.astype(np.int64), np.arange(len(classes))


def _of(logits: NDArray[np.floating], labels: Ints) -> tuple[Ints, Ints, Floats, Floats, Floats]:
    scores, classes = as_pair(logits, labels)
    if not np.isfinite(scores).all():
        raise ValueError("a logit is not a finite number; expected finite ones")
    logs, rows = log_softmax(scores), np.arange(len(classes))
    shares = np.exp(logs)
    own = scores[rows, classes][:, None]
    before = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) < classes[:, None]))
    brier = (shares**2).sum(axis=1) - 2 * shares[rows, classes] + 1
    return scores.argmax(axis=1), before.sum(axis=1), -logs[rows, classes], brier, shares.max(axis=1)


def sample_kl(
    student_logits: NDArray[np.floating], teacher_logits: NDArray[np.floating]
) -> Floats:
    """KL(teacher || student) at temperature 1 on each of M samples, in nats, [M]. Shapes: both [M,K]."""
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"student logits have shape {student_logits.shape}, the teacher's {teacher_logits.shape}; expected the same"
        )
    rows = max(1, _CELLS_AT_ONCE // student_logits.shape[1])
    parts = []
    for start in range(0, len(student_logits), rows):
        student, teacher = (
            log_softmax(as_logits(one[start : start + rows])) for one in (student_logits, teacher_logits)
        )
        # A probability that underflows to 0 adds nothing, however unlikely the student finds the class.
        weights, terms = np.exp(teacher), np.zeros_like(teacher)
        np.multiply(weights, teacher - student, out=terms, where=weights != 0)
        parts.append(terms.sum(axis=1))
    return np.concatenate(parts)
