"""How many seeds it would take to settle a verdict that is still inconclusive."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev

from distill_core.evaluation.verdict import Verdict

MOST = 100
CHANCE = 0.8
START = 5
"""How many seeds to begin with: below, the t interval is several times as wide."""


@dataclass(frozen=True)
class SeedsNeeded:
    """Seeds in all, those there included; None: more than 100, or not to be told.

    `at_least`: from then on the interval would be narrow enough, if the mean and the spread over seeds stayed exactly
    as they are. `likely`: so many settle it in 80 of 100 such experiments, if the true mean and spread are those seen.
    """

    seeds: int
    at_least: int | None
    likely: int | None

    def sentence(self) -> str:
        """In one line, with the conditions it holds under."""
        if self.seeds < 2:
            return f"One seed cannot tell how far seeds differ; start with {START}."
        if self.at_least is None:
            return (
                f"Even {MOST} seeds would hardly settle it: the effect is too small beside the differences between "
                "seeds."
            )
        if self.likely is None:
            return (
                f"If mean and spread stay as they are, {self.at_least} seeds in all would settle it; an 80% chance "
                f"takes more than {MOST}."
            )
        if self.likely <= self.at_least:
            return f"If mean and spread stay as they are, {self.at_least} seeds in all would settle it."
        return (
            f"If mean and spread stay as they are, {self.at_least} seeds in all would settle it; plan "
            f"{self.likely} for an 80% chance."
        )


def seeds_needed(verdict: Verdict) -> SeedsNeeded | None:
    """What an inconclusive verdict still lacks; None for any other.

    The interval must get narrower than what separates the mean from zero (to say that it helped) or from the smallest
    gain that matters (to say that it did not), whichever is farther. `likely` is the power of that one-sided decision
    by the noncentral t distribution (Cohen 1988). Seen from few seeds the spread itself is uncertain: a plan, no
    promise.
    """
    if verdict.verdict != "inconclusive":
        return None
    differences = [difference for _, difference in verdict.differences]
    if len(differences) < 2:
        return SeedsNeeded(len(differences), None, None)
    gain = fmean(differences) * (1 if verdict.higher_is_better else -1)
    distance, spread = max(gain, verdict.smallest_gain - gain), stdev(differences)
    start = len(differences) + 1
    at_least = next((n for n in range(start, MOST + 1) if _half_width(n, spread, verdict.confidence) < distance), None)
    likely = None
    if at_least is not None:
        likely = next(
            (n for n in range(start, MOST + 1) if power(n, distance / spread, verdict.confidence) >= CHANCE), None
        )
    return SeedsNeeded(len(differences), at_least, likely)


def power(seeds: int, effect: float, confidence: float) -> float:
    """The chance, 0..1, that the t interval of so many seeds lies on the right side of zero.

    `effect`: the true mean in true standard deviations.
    """
    from scipy.special import nctdtr

    return float(1 - nctdtr(seeds - 1, effect * math.sqrt(seeds), _quantile(seeds, confidence)))


def _half_width(seeds: int, spread: float, confidence: float) -> float:
    return _quantile(seeds, confidence) * spread / math.sqrt(seeds)


def _quantile(seeds: int, confidence: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(seeds - 1, (1 + confidence) / 2))
