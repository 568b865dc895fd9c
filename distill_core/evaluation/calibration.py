"""Whether a network is right as often as it says it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distill_core.evaluation.probabilities import as_pair, log_softmax


def ece(logits: ArrayLike, labels: ArrayLike, *, bins: int = 15) -> float:
    """Expected calibration error, 0..1: |accuracy - confidence| a bin, weighted by the bin's samples.

    Confidence is the top class's probability, in bins (m/bins, (m+1)/bins] of equal width (Guo et al. 2017,
    https://arxiv.org/abs/1706.04599). On a few hundred samples even a perfectly calibrated network
    shows about 0.01. Shapes: logits [N,K], labels int [N].
    """
    if bins < 1:
        raise ValueError(f"bins is {bins}; expected at least 1")
    scores, classes = as_pair(logits, labels)
    if np.isnan(scores).any():
        return float("nan")
    confidence = np.exp(log_softmax(scores).max(axis=1))
    right = scores.argmax(axis=1) == classes
    inner_edges = np.linspace(0, 1, bins + 1)[1:-1]
    index = np.searchsorted(inner_edges, confidence, side="left")
    gap = np.bincount(index, weights=right - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(classes))
