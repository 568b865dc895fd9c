"""How far a difference between two kinds of networks would move on another test set of the same size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_core.evaluation.bootstrap import sample_interval


@dataclass(frozen=True)
class TestSetNoise:
    """A mean difference and its interval over test samples, the networks held fixed; seed noise is not in it.

    `samples`: how many there are. In the unit of the metric, student minus baseline.
    """

    __test__ = False  # for pytest, which takes the name for a test's

    metric: str
    mean: float
    low: float
    high: float
    samples: int


def noise_of_test_set(
    differences: Sequence[NDArray[np.floating]], sample: NDArray[np.integer], *, metric: str, confidence: float = 0.95
) -> TestSetNoise | None:
    """The paired bootstrap over test samples (Efron 1979), of the differences averaged over seeds.

    `differences`: one array [M] a paired seed, `sample` [M] the row of the test set that each belongs to. Rows are
    drawn whole, for the steps of one sequence or the values of one row are not independent; the mean over all M is a
    ratio then, whose linear part is drawn. None below two rows.
    """
    mean_of_seeds = np.mean(differences, axis=0)
    _, place = np.unique(sample, return_inverse=True)
    parts = np.bincount(place)
    mean = float(mean_of_seeds.mean())
    sums = np.bincount(place, weights=mean_of_seeds)
    # Rounded, so that sums of the same few fractions are found to be equal.
    values = np.round(mean + (sums - mean * parts) / parts.mean(), 12)
    found = sample_interval(values, confidence=confidence)
    return None if found is None else TestSetNoise(metric, mean, *found, samples=len(parts))


