"""How alike two layers are, whatever their width: linear centred kernel alignment."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray


def linear_cka(first: ArrayLike, second: ArrayLike) -> float | None:
    """Linear CKA of features [N,D1] and [N,D2] of the same samples, 0..1; None where a layer never changes.

    ||Y'X||² / (||X'X|| ||Y'Y||) for centred columns, Frobenius norms. Kornblith et al. 2019, eq. 5,
    https://arxiv.org/abs/1905.00414. Turning or scaling the features changes nothing.
    """
    return alignment(centred_gram(first), centred_gram(second))


def centred_gram(features: ArrayLike) -> NDArray[np.float64]:
    """Inner products [N,N] of the samples' centred features [N,...]: all that linear CKA needs of a layer."""
    exact = np.asarray(features, dtype=np.float64)
    flat = exact.reshape(len(exact), -1)
    flat = flat - flat.mean(axis=0)
    gram: NDArray[np.float64] = flat @ flat.T
    return gram


def alignment(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """CKA of two centred Gram matrices [N,N] of the same samples. Raises ValueError if their sizes differ."""
    if first.shape != second.shape:
        raise ValueError(f"Gram matrices of shapes {first.shape} and {second.shape}; expected the same samples in both")
    size = math.sqrt(float((first * first).sum())) * math.sqrt(float((second * second).sum()))
    if not math.isfinite(size) or size <= 0:
        return None
    return min(1.0, max(0.0, float((first * second).sum()) / size))
