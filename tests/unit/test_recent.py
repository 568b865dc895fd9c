"""Answers that are good for a moment."""

from __future__ import annotations

import pytest

from pages.ui.recent import MOST_REMEMBERED, Recent


def test_an_answer_is_asked_for_again_only_when_it_is_old() -> None:
    recent: Recent[int] = Recent(fresh_seconds=0.3)
    answers = iter((1, 2, 3))
    assert recent.get("key", lambda: next(answers), now=10.0) == 1
    assert recent.get("key", lambda: next(answers), now=10.29) == 1
    assert recent.get("key", lambda: next(answers), now=10.31) == 2


def test_different_keys_have_different_answers() -> None:
    recent: Recent[str] = Recent(fresh_seconds=1.0)
    assert [recent.get(key, lambda key=key: key, now=0.0) for key in ("a", "b", "a")] == ["a", "b", "a"]  # type: ignore[misc]


def test_a_failure_is_not_remembered() -> None:
    recent: Recent[int] = Recent(fresh_seconds=1.0)
    with pytest.raises(ZeroDivisionError):
        recent.get("key", lambda: 1 // 0, now=0.0)
    assert recent.get("key", lambda: 7, now=0.1) == 7


@pytest.mark.parametrize("pace", [0.0, 1.0])
def test_memory_is_bounded_whether_answers_age_or_not(pace: float) -> None:
    recent: Recent[int] = Recent(fresh_seconds=0.3)
    for number in range(2000):
        recent.get(number, lambda: 0, now=number * pace)
    assert len(recent) <= MOST_REMEMBERED
