"""Where two networks disagree most on a test set, from their saved answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from distill_core.evaluation.soft_labels import soft_labels
from distill_core.signature import NO_LABEL, Task

Which = Literal["all", "first", "second"]
"""All samples, or those on which only the first network, or only the second, is right."""
_ROWS_AT_ONCE = 4096

Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Disagreement:
    """`rows` int [M] of the test set, the greatest disagreement first, and `distance` [M] of each: see `distances`."""

    rows: NDArray[np.int64]
    distance: NDArray[np.float64]


def distances(first: Floats, second: Floats, labels: NDArray[np.generic], *, task: Task) -> NDArray[np.float64]:
    """How far apart two networks' answers are on each of N samples, [N].

    Classification, logits [N,K]: the share of probability, 0..1, that they give to different classes (total variation,
    half the sum of absolute differences). Tagging, logits [N,L,K]: its mean over the steps that have a label.
    Regression, standardised values [N,D]: the mean absolute difference. Raises ValueError for unequal shapes.
    """
    if first.shape != second.shape:
        raise ValueError(f"answers have shapes {first.shape} and {second.shape}; expected the same")
    if task == "regression":
        return np.abs(first.astype(np.float64) - second).mean(axis=1)
    found = np.zeros(first.shape[:-1])
    for start in range(0, len(first), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        found[part] = np.abs(soft_labels(first[part]) - soft_labels(second[part])).sum(axis=-1) / 2
    if task == "classification":
        return found
    counted = labels != NO_LABEL
    steps: NDArray[np.float64] = (found * counted).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
    return steps


def disagreement(
    first: Floats, second: Floats, labels: NDArray[np.generic], *, task: Task, which: Which = "all"
) -> Disagreement:
    """Samples by how far two networks' answers lie apart; those with an answer that is not a number are left out.

    Of a tagging a network is right if every counted step is. Of a regression `which` counts nothing: all are ranked.
    """
    apart = distances(first, second, labels, task=task)
    kept = np.isfinite(apart)
    if task != "regression" and which != "all":
        right, other = (first, second) if which == "first" else (second, first)
        kept &= is_right(right, labels) & ~is_right(other, labels)
    rows = np.flatnonzero(kept)
    order = rows[np.argsort(-apart[rows], kind="stable")]
    return Disagreement(rows=order, distance=apart[order])


def is_right(logits: Floats, labels: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Whether the likeliest class is the true one, [N]; of a tagging [N,L,K] on every step that has a label."""
    same = logits.argmax(axis=-1) == labels
    if same.ndim == 1:
        return np.asarray(same)
    return np.asarray((same | (labels == NO_LABEL)).all(axis=1))
