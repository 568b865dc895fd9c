"""Where a network errs: accuracy by class and the confusion matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distill_core.evaluation.probabilities import as_pair


def confusion(logits: ArrayLike, labels: ArrayLike) -> NDArray[np.int64]:
    """Counts int [K,K]: row = true class, column = predicted class. Shapes: logits [N,K], labels int [N]."""
    scores, classes = as_pair(logits, labels)
    count = scores.shape[1]
    cells = classes * count + scores.argmax(axis=1)
    return np.bincount(cells, minlength=count * count).reshape(count, count).astype(np.int64)


def per_class_accuracy(logits: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Share of each class's samples that are recognised, float [K]; NaN for a class without samples."""
    matrix = confusion(logits, labels)
    samples = matrix.sum(axis=1)
    result = np.full(len(matrix), np.nan)
    np.divide(matrix.diagonal(), samples, out=result, where=samples > 0)
    return result
