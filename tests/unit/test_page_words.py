"""Words of the pages: times, sizes, lists of numbers, differing settings, sentences for failures."""

from __future__ import annotations

import logging
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from distill_core.errors import Problem
from distill_core.evaluation.metrics import METRICS
from distill_core.spec import ExperimentSpec
from pages.ui import guard, words
from pages.ui.fields import Fields
from pages.ui.numbers_list import parse_numbers, write_numbers
from pages.ui.spec_diff import differences, flatten
from tests.fixtures import preset_spec


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "–"), (float("nan"), "–"), (-3, "0 s"), (8.4, "8 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"),
        (11_520, "3 h 12 min"),
    ],
)
def test_durations(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("passed", "said"),
    [(-5, "just now"), (59, "just now"), (60, "1 minute ago"), (7200, "2 hours ago"), (86_400, "1 day ago")],
)
def test_how_long_ago(passed: float, said: str) -> None:
    assert words.ago(1000.0, now=1000.0 + passed) == said


@pytest.mark.parametrize(
    ("size", "said"), [
        (None, "–"), (999, "999 B"), (7_592, "7.59 kB"), (103_912, "104 kB"), (45e6, "45 MB"), (2.5e9, "2.50 GB"),
    ]
)
def test_sizes(size: float | None, said: str) -> None:
    assert words.size(size) == said


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0-4", [0, 1, 2, 3, 4]), ("0, 1, 7", [0, 1, 7]), (" 3 ", [3]), ("", []), ("1,,2", [1, 2]), ("-3", [-3]),
        ("x", ["x"]),
        ("4-0", ["4-0"]), ("0-99999999", ["0-99999999"]), ("1.5", ["1.5"]), ("0..2", [0, 1, 2]),
    ],
)
def test_numbers_as_people_write_them(text: str, numbers: list[int | str]) -> None:
    assert parse_numbers(text) == numbers


@given(some.lists(some.integers(0, 1000), max_size=30))
def test_numbers_survive_being_written_and_read(numbers: list[int]) -> None:
    assert parse_numbers(write_numbers(numbers)) == numbers


def test_a_list_with_text_in_it_is_shown_as_it_is() -> None:
    assert write_numbers([1, "x", 2, 3, 4]) == "1, x, 2-4"


def test_flattening_keeps_plain_lists_whole() -> None:
    assert flatten({"a": {"b": [1, 2]}, "c": [{"d": None}], "e": "x", "f": {}}) == {
        "a.b": "[1, 2]", "c.0.d": "null", "e": "x", "f": "{}",
    }


def test_only_what_differs_is_a_difference() -> None:
    first, second = preset_spec(seeds=2, name="a"), preset_spec(seeds=3, name="b")
    assert [row["setting"] for row in differences([first, second])] == ["seeds"]
    assert differences([first, first]) == []


def test_a_setting_that_one_lacks_is_shown_as_absent() -> None:
    data = preset_spec(seeds=2).to_json()
    shorter = ExperimentSpec.model_validate(data | {"students": data["students"][:3]})
    rows = {row["setting"]: row for row in differences([preset_spec(seeds=2), shorter])}
    assert rows["students.3.name"]["1"] == "–"


class Slot:
    """Stands for an empty place of a page."""

    def __init__(self) -> None:
        self.text = ""

    def markdown(self, text: str) -> None:
        self.text = text


@pytest.mark.parametrize(
    ("field", "at"),
    [
        ("students.0.terms.0.weight", "students.0.terms.0.weight"), ("students.0.terms", "students.0.terms"),
        ("students.0.terms.1.loss.name", "students.0.terms"), ("students.0.nothing", "students.0"),
        ("students.00.terms", None), ("latency", None),
    ],
)
def test_a_problem_finds_the_nearest_field(field: str, at: str | None) -> None:
    fields = Fields(1)
    slots = {path: Slot() for path in ("students.0", "students.0.terms", "students.0.terms.0.weight")}
    fields._slots.update(slots)  # type: ignore[arg-type]
    homeless = fields.tell([Problem(field, 0, "above 0", "Raise it.")])
    assert [path for path, slot in slots.items() if slot.text] == ([at] if at else [])
    assert len(homeless) == (0 if at else 1)


def test_an_unexpected_failure_is_logged_under_the_id_that_is_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(guard.st, "error", lambda text, **_: shown.append(text))
    with caplog.at_level(logging.ERROR), guard.guarded():
        raise RuntimeError("secret detail")
    assert len(shown) == 1 and "secret detail" not in shown[0]
    error_id = shown[0].split("**")[1]
    assert error_id in caplog.text and "secret detail" in caplog.text


def test_a_moment_is_named_the_same_whenever_it_is_named() -> None:
    this_year = datetime.now().replace(month=1, day=5, hour=9, minute=7)
    assert words.moment(this_year.timestamp()) == "5 Jan, 09:07"
    assert words.moment(datetime(2021, 11, 30, 23, 5).timestamp()) == "30 Nov 2021, 23:05"


@pytest.mark.parametrize(
    ("share", "said"), [(616 / 640, "96.3%"), (0.0, "0.0%"), (1.0, "100.0%"), (0.96249, "96.2%"), (0.1234, "12.3%")]
)
def test_a_tie_is_rounded_as_the_tables_of_a_browser_round_it(share: float, said: str) -> None:
    assert words.percent(share) == said == METRICS["accuracy"].value(share)
