"""Intervals of a mean by drawing the values again and again, which need no bell curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Method = Literal["percentile", "bca"]
RESAMPLES = 9_999
SAMPLE_RESAMPLES = 2_000
_AT_ONCE = 2_000_000


def bootstrap_interval(
    values: Sequence[float], *, confidence: float = 0.95, method: Method = "bca", resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float] | None:
    """An interval for the mean of a few values, from means of as many values drawn from them with replacement.

    percentile: the middle of those means (Efron 1979). bca: the same, corrected for bias and skewness by the jackknife
    (Efron 1987); a point where the values are all equal. With a handful of values either is too narrow: see
    docs/statistics.md. None below two values. Raises ValueError for a value that is not finite.
    """
    given = np.asarray(values, dtype=np.float64)
    if not np.isfinite(given).all():
        raise ValueError("a value is not a finite number; expected finite values")
    if len(given) < 2:
        return None
    if np.ptp(given) == 0:
        return float(given[0]), float(given[0])
    draw = np.random.default_rng(seed)
    means = given[draw.integers(0, len(given), (resamples, len(given)))].mean(axis=1)
    low, high = (1 - confidence) / 2, (1 + confidence) / 2
    if method == "bca":
        low, high = _corrected(given, means, low, high)
    ends = np.quantile(means, [low, high])
    return float(ends[0]), float(ends[1])


def _corrected(
    given: NDArray[np.float64], means: NDArray[np.float64], low: float, high: float
) -> tuple[float, float]:
    """Which quantiles to take instead, by the bias of the means and the acceleration of the values."""
    from scipy.special import ndtr, ndtri

    mean = given.mean()
    # Half of those equal, as the means of few values often are.
    bias = ndtri(((means < mean).mean() + (means <= mean).mean()) / 2)
    # Leaving out one value moves the mean against it, by a fraction that falls out of the quotient.
    apart = mean - given
    acceleration = -(apart**3).sum() / (6 * ((apart**2).sum() ** 1.5))

    def moved(quantile: float) -> float:
        shifted = bias + ndtri(quantile)
        return float(ndtr(bias + shifted / (1 - acceleration * shifted)))

    return moved(low), moved(high)


def sample_interval(
    values: NDArray[np.floating], *, confidence: float = 0.95, resamples: int = SAMPLE_RESAMPLES, seed: int = 0
) -> tuple[float, float] | None:
    """A percentile interval for the mean of many values [N], one a test sample (Efron 1979); None below two.

    Where they take few different values, as right and wrong answers do, the counts are drawn instead of each value:
    the same distribution, in a fraction of the time.
    """
    if len(values) < 2:
        return None
    draw, total = np.random.default_rng(seed), len(values)
    levels, counts = np.unique(np.asarray(values, dtype=np.float64), return_counts=True)
    if len(levels) <= 256:
        means = draw.multinomial(total, counts / total, size=resamples) @ levels / total
    else:
        rows = max(1, _AT_ONCE // total)
        parts = [
            values[draw.integers(0, total, (min(rows, resamples - start), total))].mean(axis=1)
            for start in range(0, resamples, rows)
        ]
        means = np.concatenate(parts)
    ends = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(ends[0]), float(ends[1])
