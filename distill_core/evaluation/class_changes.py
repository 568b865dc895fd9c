"""Which classes a student gained or lost by distillation, over paired seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from distill_core.evaluation.paired_tests import holm, t_test_chance
from distill_core.evaluation.verdict import t_interval


@dataclass(frozen=True)
class ClassChange:
    """One class: the share of its samples recognised, student minus baseline, mean over `seeds` paired seeds.

    `low`, `high`: its t interval, None below two seeds. `chance`: of the paired t test; `corrected`: the same by Holm
    for there being several classes; both NaN below two seeds.
    """

    place: int
    mean: float
    low: float | None
    high: float | None
    differences: tuple[float, ...]
    chance: float
    corrected: float

    @property
    def seeds(self) -> int:
        return len(self.differences)


def class_changes(
    student: Mapping[int, Sequence[float]], baseline: Mapping[int, Sequence[float]], *, confidence: float = 0.95
) -> tuple[ClassChange, ...]:
    """From each seed's shares [K] (NaN: a class without samples) on both sides; the greatest gain first.

    Seeds that only one side has are left out, as are classes without samples. Empty where no seed is shared.
    """
    shared = sorted(student.keys() & baseline.keys())
    if not shared:
        return ()
    by_class = []
    for place in range(len(student[shared[0]])):
        differences = tuple(student[seed][place] - baseline[seed][place] for seed in shared)
        if all(math.isfinite(one) for one in differences):
            by_class.append((place, differences))
    chances = [t_test_chance(differences) for _, differences in by_class]
    found = []
    for (place, differences), chance, corrected in zip(by_class, chances, holm(chances), strict=True):
        low, high = t_interval(differences, confidence=confidence) or (None, None)
        found.append(ClassChange(place, fmean(differences), low, high, differences, chance, corrected))
    return tuple(sorted(found, key=lambda one: -one.mean))


def confusion_change(
    student: Mapping[int, Sequence[Sequence[int]]], baseline: Mapping[int, Sequence[Sequence[int]]]
) -> NDArray[np.float64]:
    """How much more often each true class (row) is taken for each class (column), [K,K] in shares of the row, -1..1.

    Mean over the shared seeds, student minus baseline; NaN throughout for a class without samples. Rows add up to 0.
    Raises ValueError without a shared seed.
    """
    shared = sorted(student.keys() & baseline.keys())
    if not shared:
        raise ValueError("the two share no seed; expected at least one")
    return np.mean([_shares(student[seed]) - _shares(baseline[seed]) for seed in shared], axis=0)


def _shares(matrix: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    counts = np.asarray(matrix, dtype=np.float64)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.full_like(counts, np.nan)
    np.divide(counts, totals, out=shares, where=totals > 0)
    return shares
