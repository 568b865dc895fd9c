"""How fast reading goes and how long it will take, from stored counts."""

from __future__ import annotations

import pytest

from distill_core.progress import pace_of


def test_rate_share_and_time_left() -> None:
    pace = pace_of(250, 1000, started_at=100.0, now=110.0)
    assert (pace.elapsed_seconds, pace.per_second, pace.share) == (10.0, 25.0, 0.25)
    assert pace.remaining_seconds == pytest.approx(30.0)


def test_before_the_first_piece_no_rate_is_told() -> None:
    pace = pace_of(0, 1000, started_at=100.0, now=110.0)
    assert (pace.per_second, pace.remaining_seconds, pace.share) == (None, None, 0.0)


def test_an_unknown_total_has_no_share_and_no_end() -> None:
    pace = pace_of(40, 0, started_at=100.0, now=110.0)
    assert (pace.per_second, pace.remaining_seconds, pace.share) == (4.0, None, None)


@pytest.mark.parametrize("now", [90.0, 100.0])
def test_a_clock_that_went_back_divides_by_nothing(now: float) -> None:
    pace = pace_of(5, 10, started_at=100.0, now=now)
    assert (pace.elapsed_seconds, pace.per_second, pace.share) == (0.0, None, 0.5)


def test_what_has_not_started_has_no_elapsed_time() -> None:
    assert pace_of(0, 0, started_at=0.0, now=1e9).elapsed_seconds == 0.0


def test_more_done_than_expected_is_done() -> None:
    pace = pace_of(12, 10, started_at=100.0, now=110.0)
    assert (pace.share, pace.remaining_seconds) == (1.0, 0.0)
