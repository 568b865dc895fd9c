"""Cutting long curves: never longer than asked, never without its extremes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_core.charts.buckets import curve_bucket

values = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf]))
curves = st.lists(values, max_size=400).map(lambda ys: [(float(x), y) for x, y in enumerate(ys)])


@given(curves, st.integers(4, 120))
def test_what_is_kept(points: list[tuple[float, float]], limit: int) -> None:
    kept = curve_bucket(points, limit)
    assert len(kept) <= limit
    steps = [x for x, _ in kept]
    assert steps == sorted(set(steps))
    assert all(math.isnan(y) or (x, y) in points for x, y in kept)
    if len(points) <= limit:
        assert len(kept) == len(points)
    if points:
        assert steps[0] == points[0][0] and steps[-1] == points[-1][0]
    finite = [y for _, y in points if math.isfinite(y)]
    if finite:
        shown = [y for _, y in kept if math.isfinite(y)]
        assert (min(shown), max(shown)) == (min(finite), max(finite))


def test_a_single_spike_survives_a_hundredfold_cut() -> None:
    points = [(float(x), 1.0 if x == 77_123 else 0.0) for x in range(100_000)]
    kept = curve_bucket(points)
    assert len(kept) <= 1000
    assert (77_123.0, 1.0) in kept


def test_a_gap_stays_a_gap() -> None:
    points = [(float(x), math.nan if 400 <= x < 600 else 1.0) for x in range(1000)]
    assert any(math.isnan(y) for _, y in curve_bucket(points, 50))


def test_too_small_a_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 4"):
        curve_bucket([(0.0, 0.0)], 3)
