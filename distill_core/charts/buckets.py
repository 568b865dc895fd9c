"""Cuts a long curve to what a screen can show, keeping its extremes."""

from __future__ import annotations

import math
from collections.abc import Sequence

Point = tuple[float, float]


def curve_bucket(points: Sequence[Point], limit: int = 1000) -> list[Point]:
    """At most `limit` of the points (x, y), in their order: first, last, and lowest and highest of each bucket.

    A curve within the limit comes back whole. A bucket with nothing finite keeps its first point, so that a gap
    stays a gap. Raises ValueError for a limit below 4: first, last and one bucket.
    """
    if limit < 4:
        raise ValueError(f"limit is {limit}; expected at least 4")
    if len(points) <= limit:
        return list(points)
    inner, buckets = len(points) - 2, (limit - 2) // 2
    kept = [points[0]]
    for bucket in range(buckets):
        start, end = 1 + bucket * inner // buckets, 1 + (bucket + 1) * inner // buckets
        finite = [index for index in range(start, end) if math.isfinite(points[index][1])]
        if finite:
            lowest = min(finite, key=lambda index: points[index][1])
            highest = max(finite, key=lambda index: points[index][1])
            kept += [points[index] for index in sorted({lowest, highest})]
        else:
            kept.append(points[start])
    return [*kept, points[-1]]
