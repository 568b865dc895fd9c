"""Whether a network is right as often as it says it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distill_core.evaluation.probabilities import as_pair, log_softmax


def ece(logits: ArrayLike, labels: ArrayLike, *, bins: int = 15) -> float:
    """Expected calibration error, 0..1: |accuracy - confidence| a bin, weighted by the bin's samples.

    Confidence is the top class's probability, in bins (m/bins, (m+1)/bins] of equal width (Guo et al. 2017,
    https://arxiv.org/abs/1706.04599). On a few hundred samples even a perfectly calibrated network
    shows about 0.01. Shapes: logits [N,K], labels int [N].
    """
    scores, classes = as_pair(logits, labels)
    if np.isnan(scores).any():
        return float("nan")
    confidence = np.exp(log_softmax(scores).max(axis=1))
    right = scores.argmax(axis=1) == classes
    index = bin_of(confidence, bins=bins)
    gap = np.bincount(index, weights=right - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(classes))


def bin_of(confidence: NDArray[np.float64], *, bins: int) -> NDArray[np.intp]:
    """The place 0..bins-1 of each confidence in bins (m/bins, (m+1)/bins], the first with 0; same shape."""
    if bins < 1:
        raise ValueError(f"bins is {bins}; expected at least 1")
    return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence, side="left")
