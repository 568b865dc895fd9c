"""The figures of one network on the test data, each with its definition, and how they spread over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from distill_core.evaluation.calibration import bin_of
from distill_core.evaluation.marks import Marks
from distill_core.evaluation.verdict import t_interval

BINS = 15


@dataclass(frozen=True, eq=False)
class Reliability:
    """Samples by confidence in equal bins (m/bins, (m+1)/bins]: all arrays [bins].

    `right` and `confidence` are means in 0..1 of a bin's samples, NaN of an empty one.
    """

    counts: NDArray[np.int64]
    right: NDArray[np.float64]
    confidence: NDArray[np.float64]

    @property
    def ece(self) -> float:
        """Expected calibration error, 0..1: the bins' |right - confidence|, weighted by their samples (Guo 2017)."""
        kept = self.counts > 0
        gaps = np.abs(self.right - self.confidence)[kept]
        return float((gaps * self.counts[kept]).sum() / self.counts.sum())


@dataclass(frozen=True)
class Quality:
    """Figures of one classifier or tagger; docs/statistics.md defines each.

    accuracy, top_guesses (the true class is among the `guesses` likeliest), ece and overconfidence (mean confidence
    minus accuracy) are shares, nll is in nats, brier in 0..2.
    """

    accuracy: float
    top_guesses: float
    guesses: int
    nll: float
    brier: float
    ece: float
    overconfidence: float


@dataclass(frozen=True)
class Errors:
    """Figures of one regression, over all values that have a true one; values are standardised by the training set.

    r2: mean over the outputs, 1 is perfect. mse, rmse and mae: mean squared error, its root, mean absolute error.
    """

    r2: float
    mse: float
    rmse: float
    mae: float


@dataclass(frozen=True)
class OverSeeds:
    """A figure over seeds: the mean and its t interval, None of one seed; `values` are the seeds' own."""

    mean: float
    low: float | None
    high: float | None
    values: tuple[float, ...]


def quality(of: Marks) -> Quality:
    """All figures of a network from its marks."""
    right = float(of.right.mean())
    return Quality(
        accuracy=right, top_guesses=float(of.in_guesses.mean()), guesses=of.guesses, nll=float(of.nll.mean()),
        brier=float(of.brier.mean()), ece=reliability([of]).ece,
        overconfidence=float(of.confidence.mean()) - right,
    )


def reliability(of: Iterable[Marks], *, bins: int = BINS) -> Reliability:
    """How often a network is right at each confidence; several networks' samples are pooled."""
    pooled = list(of)
    confidence = np.concatenate([one.confidence for one in pooled])
    right = np.concatenate([one.right for one in pooled])
    index = bin_of(confidence, bins=bins)
    counts = np.bincount(index, minlength=bins)
    means = []
    for values in (right.astype(np.float64), confidence):
        mean = np.full(bins, np.nan)
        np.divide(np.bincount(index, weights=values, minlength=bins), counts, out=mean, where=counts > 0)
        means.append(mean)
    return Reliability(counts=counts.astype(np.int64), right=means[0], confidence=means[1])


def over_seeds(
    values: Iterable[float], *, confidence: float = 0.95, least: float = -math.inf, most: float = math.inf
) -> OverSeeds | None:
    """None without a finite value; those not finite are left out.

    `least` and `most` are what the figure can be at all: the interval, which knows of no bounds, is cut there.
    """
    finite = tuple(float(value) for value in values if math.isfinite(value))
    if not finite:
        return None
    found = t_interval(finite, confidence=confidence)
    low, high = (None, None) if found is None else (max(found[0], least), min(found[1], most))
    return OverSeeds(fmean(finite), low, high, finite)
