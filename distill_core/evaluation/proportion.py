"""How sure a share of right answers is."""

from __future__ import annotations

import math
from statistics import NormalDist


def wilson_interval(right: int, total: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval (1927) for `right` of `total` independent answers, both ends in 0..1.

    Raises ValueError unless 0 <= right <= total and total >= 1.
    """
    if not 0 <= right <= total or total < 1:
        raise ValueError(f"{right} of {total} right; expected a count from 0 to a total of at least 1")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = right / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    reach = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, middle - reach), min(1.0, middle + reach)
