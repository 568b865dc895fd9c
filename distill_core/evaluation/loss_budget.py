"""Which term of a loss does all the work, and what weight would give it a fair share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, NamedTuple

DOMINANT_SHARE = 0.95
"""Above it a term leaves the others next to nothing."""

Measure = Literal["gradient", "loss"]


class WeightedTerm(NamedTuple):
    """A term of a variant as its specification has it; `schedule` is of constant, warm-up and decay."""

    name: str
    weight: float
    schedule: str = "constant"
    schedule_fraction: float = 0.5

    def is_full(self, progress: float) -> bool:
        """Whether its schedule has left the weight whole, at a share 0..1 of all epochs."""
        if self.schedule == "warm-up":
            return progress >= self.schedule_fraction
        return self.schedule == "constant" or progress <= 1 - self.schedule_fraction


@dataclass(frozen=True)
class EpochBudget:
    """One epoch of one run: its weighted terms, and the norms of their gradients where they were measured.

    `progress` is the share of all epochs that are over with it, 0..1.
    """

    progress: float
    weighted_terms: Mapping[str, float]
    gradient_norms: Mapping[str, float]


@dataclass(frozen=True)
class Dominance:
    """A term that supplies nearly all: `share` 0..1 of the gradient, or of the loss where no gradient was measured.

    `fair_weight` would make it pull as hard as the others do on average; None where the others do not pull at all.
    """

    term: str
    measure: Measure
    share: float
    weight: float
    fair_weight: float | None
    epochs: int


def shares_of(amounts: Mapping[str, float]) -> dict[str, float]:
    """Each amount as a share of their sum, losses below 0 as 0; empty where that sum is not a number above 0."""
    counted = {name: max(amount, 0.0) for name, amount in amounts.items()}
    total = sum(counted.values())
    if not (math.isfinite(total) and total > 0):
        return {}
    return {name: amount / total for name, amount in counted.items()}


def dominance(terms: Sequence[WeightedTerm], epochs: Iterable[EpochBudget]) -> Dominance | None:
    """The term that supplies over 95% in the median epoch of all runs of a variant, or None.

    Share of term i: g_i / sum_j g_j, with g_i = || d(w_i L_i) / d(student's parameters) ||, the norms that GradNorm
    balances (Chen et al. 2018, https://arxiv.org/abs/1711.02257); of losses w_i L_i in their stead where no gradient
    was measured. If there are gradients, losses are not judged: a term may be large and pull little. Fair means an
    equal share: w_i * mean_{j != i}(g_j) / g_i, in the median epoch. Epochs count while every schedule has left its
    weight whole. A term that is alone dominates nobody.
    """
    active = {term.name: term for term in terms if term.weight > 0}
    if len(active) < 2:
        return None
    judged = [epoch for epoch in epochs if all(term.is_full(epoch.progress) for term in active.values())]
    gradients = [epoch.gradient_norms for epoch in judged if shares_of(epoch.gradient_norms)]
    measure: Measure = "gradient" if gradients else "loss"
    amounts = gradients or [epoch.weighted_terms for epoch in judged if shares_of(epoch.weighted_terms)]
    # Of another set of terms nothing can be said.
    amounts = [one for one in amounts if one.keys() == active.keys()]
    if not amounts:
        return None
    medians = {name: median(shares_of(one)[name] for one in amounts) for name in active}
    largest = max(medians, key=lambda name: medians[name])
    if medians[largest] <= DOMINANT_SHARE:
        return None
    factors = [_fair_factor(one, largest) for one in amounts]
    factor = median(one for one in factors if one is not None) if any(one is not None for one in factors) else 0.0
    weight = active[largest].weight
    return Dominance(
        term=largest, measure=measure, share=medians[largest], weight=weight,
        fair_weight=about(weight * factor) if factor > 0 else None, epochs=len(amounts),
    )


def _fair_factor(amounts: Mapping[str, float], name: str) -> float | None:
    own = amounts[name]
    others = [max(amount, 0.0) for other, amount in amounts.items() if other != name]
    return sum(others) / len(others) / own if own > 0 else None


def about(weight: float) -> float:
    """To one digit that counts: a weight is tried, not computed."""
    return float(f"{weight:.0e}")


def term_names(losses: Sequence[str]) -> list[str]:
    """The name of each active term in events, from the names of their losses: numbered from a loss's second use on."""
    return [
        loss if (number := list(losses[: place + 1]).count(loss)) == 1 else f"{loss} {number}"
        for place, loss in enumerate(losses)
    ]
