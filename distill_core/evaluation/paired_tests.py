"""What paired differences of a few seeds, and paired right and wrong answers, say beside the t interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev


@dataclass(frozen=True)
class SignTest:
    """How many seeds gained and lost (ties say nothing) and how likely so uneven a split is by chance alone, 0..1."""

    positive: int
    negative: int
    ties: int
    chance: float


def split_chance(one: int, other: int) -> float:
    """The exact two-sided probability of a split at least as uneven if either way is as likely; 1 of nothing.

    Of the seeds that gained and lost it is the sign test (Arbuthnot 1710), of samples that only one of two networks
    gets right McNemar's exact test (McNemar 1947). The binomial tail is the regularised incomplete beta function.
    """
    if one < 0 or other < 0:
        raise ValueError(f"the counts are {one} and {other}; expected none below 0")
    fewer, total = min(one, other), one + other
    if one == other:
        return 1.0
    from scipy.special import betainc

    return min(1.0, 2 * float(betainc(total - fewer, fewer + 1, 0.5)))


def sign_test(differences: Sequence[float]) -> SignTest:
    """The exact two-sided sign test of paired differences; it assumes nothing about how they are spread.

    With n seeds it cannot fall below 2/2^n, which is 6% of 5: few seeds that all gain do not reach 5% by it.
    """
    positive, negative = sum(one > 0 for one in differences), sum(one < 0 for one in differences)
    return SignTest(positive, negative, len(differences) - positive - negative, split_chance(positive, negative))


def t_test_chance(differences: Sequence[float]) -> float:
    """The two-sided probability of a mean at least so far from zero if there were no effect (Student 1908).

    NaN below two differences. Where all are equal there is no spread to judge by, so the sign test's is given.
    """
    count = len(differences)
    if count < 2:
        return float("nan")
    spread = stdev(differences)
    if spread == 0:
        return sign_test(differences).chance
    from scipy.special import stdtr

    return float(2 * stdtr(count - 1, -abs(fmean(differences)) / spread * math.sqrt(count)))


def standardised_effect(differences: Sequence[float]) -> float | None:
    """The mean difference in standard deviations between seeds, corrected for few seeds (Hedges 1981).

    None below two differences or where they do not differ at all.
    """
    count = len(differences)
    if count < 2 or (spread := stdev(differences)) == 0:
        return None
    return fmean(differences) / spread * (1 - 3 / (4 * (count - 1) - 1))


def holm(chances: Sequence[float]) -> tuple[float, ...]:
    """Each probability corrected for there being several (Holm 1979), in the order given; those NaN stay so."""
    order = sorted((chance, place) for place, chance in enumerate(chances) if not math.isnan(chance))
    corrected, highest = list(chances), 0.0
    for rank, (chance, place) in enumerate(order):
        highest = max(highest, min(1.0, chance * (len(order) - rank)))
        corrected[place] = highest
    return tuple(corrected)
