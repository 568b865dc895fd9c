"""The test samples that all networks find hardest, or on which two kinds of networks differ most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_core.evaluation.marks import Marks


@dataclass(frozen=True, eq=False)
class Ranked:
    """Samples, the first first: `rows` int [M] of the test set, and for each by what it was ranked, `amount` [M].

    `wrong` [M]: the share of the networks that err on it; NaN where right and wrong have no meaning.
    """

    rows: NDArray[np.int64]
    amount: NDArray[np.float64]
    wrong: NDArray[np.float64]


def hardest(networks: Sequence[Marks], *, only_all_wrong: bool = False) -> Ranked:
    """By the mean NLL over the networks, in nats; of a tagging over the steps too, and one wrong step makes it wrong.

    `only_all_wrong`: those that every network gets wrong. Raises ValueError without a network.
    """
    if not networks:
        raise ValueError("there is no network; expected at least one")
    rows, place = np.unique(networks[0].sample, return_inverse=True)
    steps = np.bincount(place)
    loss, wrong = np.zeros(len(rows)), np.zeros(len(rows))
    for one in networks:
        loss += np.bincount(place, weights=one.nll) / steps
        wrong += np.bincount(place, weights=~one.right) > 0
    loss, wrong = loss / len(networks), wrong / len(networks)
    kept = np.flatnonzero(wrong == 1) if only_all_wrong else np.arange(len(rows))
    order = kept[np.argsort(-loss[kept], kind="stable")]
    return Ranked(rows[order], loss[order], wrong[order])


def by_amount(amount: NDArray[np.floating]) -> Ranked:
    """Rows of a test set by any amount [N], the largest first; those not finite are left out."""
    kept = np.flatnonzero(np.isfinite(amount))
    order = kept[np.argsort(-amount[kept], kind="stable")]
    return Ranked(order, amount[order].astype(np.float64), np.full(len(order), np.nan))
