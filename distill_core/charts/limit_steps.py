"""Round numbers between which a limit can be set: from below the least of some figures to above the largest."""

from __future__ import annotations

import math
from collections.abc import Iterable

_PREFERRED = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
MOST_STEPS = 60


def cost_steps(values: Iterable[float]) -> list[float]:
    """Preferred numbers of each decade from the largest that is below every value to the least that is above all.

    Of costs above 0, in their own unit; without any, nothing.
    """
    known = [value for value in values if value > 0 and math.isfinite(value)]
    if not known:
        return []
    decades = range(math.floor(math.log10(min(known))) - 1, math.floor(math.log10(max(known))) + 2)
    steps = [float(f"{number * 10.0**decade:.3g}") for decade in decades for number in _PREFERRED]
    below = max((step for step in steps if step < min(known)), default=steps[0])
    above = min((step for step in steps if step >= max(known)), default=steps[-1])
    found = [step for step in steps if below <= step <= above]
    # Beyond several decades whole ones are fine enough.
    return found if len(found) <= MOST_STEPS else [step for step in found if f"{step:e}"[0] in "125"]


def score_steps(values: Iterable[float], *, share: bool) -> list[float]:
    """Even steps from the least value to above the largest; shares 0..1 in points, others in hundredths."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return []
    span = max(known) - min(known)
    width = next(step for step in (0.001, 0.005, 0.01, 0.05, 0.1, math.inf) if span <= 40 * step)
    width = max(span / 40, 0.1) if math.isinf(width) else width
    first, last = math.floor(min(known) / width), math.ceil(max(known) / width + 1e-9)
    found = [round(number * width, 6) for number in range(first, last + 1)]
    return [step for step in found if step <= 1.0] if share else found
