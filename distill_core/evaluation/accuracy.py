"""How often the top class is right, and how much probability the true class gets."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distill_core.evaluation.probabilities import as_pair, log_softmax


def accuracy(logits: ArrayLike, labels: ArrayLike) -> float:
    """Share of samples, 0..1, whose largest logit is the true class; the first of equals counts.

    Shapes: logits [N,K], labels int [N]. Raises ValueError if they do not fit.
    """
    scores, classes = as_pair(logits, labels)
    if np.isnan(scores).any():
        return float("nan")
    return float((scores.argmax(axis=1) == classes).mean())


def nll(logits: ArrayLike, labels: ArrayLike) -> float:
    """Mean negative log-likelihood of the true class, in nats. Shapes: logits [N,K], labels int [N]."""
    scores, classes = as_pair(logits, labels)
    return float(-log_softmax(scores)[np.arange(len(classes)), classes].mean())
