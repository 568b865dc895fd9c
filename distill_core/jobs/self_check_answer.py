"""What the preview process answers when asked to check itself: losses and intervals against values known elsewhere."""

from __future__ import annotations

import math
from typing import Any

import torch

from distill_core.evaluation.verdict import t_interval
from distill_core.losses.reference import TOLERANCE, Comparison, compare_losses


def self_check_answer() -> dict[str, Any]:
    """{"comparisons": [{what, settings, source, expected, found, difference, agrees}], "tolerance", "torch"}.

    Numbers that are NaN or infinite, which only a fault would make, are null.
    """
    return {
        "comparisons": [_told(one) for one in [*compare_losses(), *_intervals()]],
        "tolerance": TOLERANCE, "torch": torch.__version__,
    }


def _intervals() -> list[Comparison]:
    """Half the width of a verdict's interval at two and three seeds, where Student's quantile has a closed form.

    It is tan(pi (p - 1/2)) at one degree of freedom, and (2p - 1) sqrt(2 / (4p (1 - p))) at two; here p = 0.975.
    """
    quantiles = {2: math.tan(0.475 * math.pi), 3: 0.95 * math.sqrt(2 / (4 * 0.975 * 0.025))}
    result = []
    for seeds, quantile in quantiles.items():
        values = [float(number) for number in range(seeds)]
        interval = t_interval(values)
        found = math.nan if interval is None else (interval[1] - interval[0]) / 2
        deviation = math.sqrt(0.5) if seeds == 2 else 1.0
        expected = quantile * deviation / math.sqrt(seeds)
        result.append(Comparison("half of the 95% interval", {"seeds": seeds}, "Student 1908", expected, found))
    return result


def _told(one: Comparison) -> dict[str, Any]:
    numbers = {"expected": one.expected, "found": one.found, "difference": one.difference}
    return {
        "what": one.what, "settings": dict(one.settings), "source": one.source, "agrees": one.agrees,
        **{name: value if math.isfinite(value) else None for name, value in numbers.items()},
    }
