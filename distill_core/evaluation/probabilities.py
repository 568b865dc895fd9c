"""Stable softmax and the checks of shape that all figures share."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Logits = NDArray[np.float64]
Labels = NDArray[np.int64]


def as_logits(logits: ArrayLike) -> Logits:
    """Logits as float64 [N,K]; raises ValueError for any other shape, or none at all."""
    array = np.asarray(logits, dtype=np.float64)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"logits have shape {array.shape}; expected [N,K] with at least one sample and one class")
    return array


def as_pair(logits: ArrayLike, labels: ArrayLike) -> tuple[Logits, Labels]:
    """Logits [N,K] and labels [N]; raises ValueError where they do not belong together."""
    scores, classes = as_logits(logits), np.asarray(labels)
    if classes.shape != scores.shape[:1]:
        raise ValueError(f"labels have shape {classes.shape}; expected {scores.shape[:1]}, one a row of logits")
    if not np.issubdtype(classes.dtype, np.integer):
        raise ValueError(f"labels are {classes.dtype}; expected whole numbers")
    if classes.min() < 0 or classes.max() >= scores.shape[1]:
        raise ValueError(f"labels run from {classes.min()} to {classes.max()}; expected 0 to {scores.shape[1] - 1}")
    return scores, classes.astype(np.int64)


def log_softmax(logits: Logits) -> Logits:
    """Natural log of the class probabilities [N,K]; the largest logit is taken out first, so nothing overflows."""
    shifted: Logits = logits - logits.max(axis=1, keepdims=True)
    normaliser: Logits = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted - normaliser
