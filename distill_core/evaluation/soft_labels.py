"""What logits say in probabilities, at any temperature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distill_core.evaluation.probabilities import log_softmax


@dataclass(frozen=True)
class Guess:
    """A class, by its place, and its probability in 0..1."""

    place: int
    share: float


def soft_labels(logits: ArrayLike, *, temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities softmax(logits / T) over the last axis, same shape; NaN where a logit is NaN."""
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; expected a number above 0")
    values = np.asarray(logits, dtype=np.float64) / temperature
    return np.exp(log_softmax(values.reshape(-1, values.shape[-1]))).reshape(values.shape)


def top_guesses(logits: ArrayLike, *, temperature: float = 1.0, most: int = 5) -> tuple[Guess, ...]:
    """The likeliest classes of logits [K], the likeliest first; equal ones in the order of the classes."""
    shares = soft_labels(logits, temperature=temperature)
    order = np.argsort(-shares, kind="stable")[:most]
    return tuple(Guess(int(place), float(shares[place])) for place in order)
