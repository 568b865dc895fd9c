"""The class balance chart: which bars it draws, and what it says of uneven or missing classes."""

from __future__ import annotations

import pytest

from distill_core.charts.balance import MOST_CLASSES, balance
from distill_core.charts.style import caption_of

EVEN = {"train": {"cat": 40, "dog": 41}, "test": {"cat": 10, "dog": 10}}
both_themes = pytest.mark.parametrize("theme", ["light", "dark"])


@both_themes
def test_a_bar_a_split_with_the_counts_in_the_order_of_the_classes(theme) -> None:
    fig = balance(EVEN, theme=theme)
    assert {bar.name: tuple(bar.x) for bar in fig.data} == {"training": (40, 41), "test": (10, 10)}
    assert list(fig.layout.yaxis.ticktext) == ["cat", "dog"]
    assert fig.layout.barmode == "stack"
    assert fig.data[0].customdata[1][1] == "51"
    assert fig.data[0].marker.color != fig.data[1].marker.color
    assert fig.data[0].marker.pattern.shape != fig.data[1].marker.pattern.shape
    assert caption_of(fig) == "The classes are even."


def test_uneven_classes_are_told_by_their_ratio() -> None:
    fig = balance({"train": {"cat": 350, "dog": 100}, "test": {"cat": 9, "dog": 9}}, theme="light")
    assert caption_of(fig) == "The largest class has 3.5 times the training samples of the smallest."


@pytest.mark.parametrize("test", [{"cat": 3}, {"cat": 3, "dog": 0}])
def test_a_class_without_test_samples_is_told(test: dict[str, int]) -> None:
    assert "1 class has no test samples." in caption_of(balance({"train": {"cat": 5, "dog": 5}, "test": test},
                                                                theme="light"))


def test_classes_that_only_the_test_has_are_told() -> None:
    said = caption_of(balance({"train": {"cat": 5}, "test": {"cat": 1, "dog": 2, "owl": 1}}, theme="light"))
    assert "2 classes have no training samples." in said


def test_many_classes_leave_the_largest_and_the_smallest() -> None:
    sizes = {f"class {number}": number + 1 for number in range(100)}
    fig = balance({"train": sizes}, theme="light")
    shown = list(fig.data[0].x)
    assert len(shown) == MOST_CLASSES
    assert shown == [*range(100, 88, -1), *range(12, 0, -1)]
    assert caption_of(fig).startswith("The 12 largest and the 12 smallest of 100 classes.")


@pytest.mark.parametrize("counts", [{}, {"train": {}, "test": {}}])
def test_nothing_to_count_is_a_sentence(counts: dict[str, dict[str, int]]) -> None:
    fig = balance(counts, theme="light")
    assert not fig.data and "no classes" in fig.layout.annotations[0].text


def test_a_nasty_class_name_stays_text() -> None:
    fig = balance({"train": {"<b>x</b> $y$ %{z}": 3}}, theme="light")
    assert "<b>" not in fig.layout.yaxis.ticktext[0] and "$" not in fig.layout.yaxis.ticktext[0]
    assert "%{" not in fig.data[0].customdata[0][0]
