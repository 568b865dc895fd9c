"""Words follow the reader; sentences made in English elsewhere are told again by their patterns."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from distill_core.errors import SpecError
from distill_core.language import _, counted, current, known, retelling, speaking, told
from distill_core.spec import parse_spec


@pytest.mark.parametrize(("code", "language"), [
    ("zh-CN", "zh"), ("zh_Hans_CN", "zh"), ("ZH", "zh"), ("en-US", "en"), ("fr", None), ("", None), (None, None),
])
def test_browsers_codes_are_known(code: str | None, language: str | None) -> None:
    assert known(code) == language


def test_a_context_speaks_its_language_and_no_other_thread_does() -> None:
    heard: list[str] = []
    with speaking("zh"):
        assert (_("succeeded"), counted("{number} seed", "{number} seeds", 1200)) == ("成功", "1,200 个种子")
        other = threading.Thread(target=lambda: heard.append(current()))
        other.start()
        other.join()
    assert (_("succeeded"), counted("{number} seed", "{number} seeds", 1)) == ("succeeded", "1 seed")
    assert heard == ["en"]


def test_what_no_catalogue_knows_stays() -> None:
    with speaking("zh"):
        assert _("no such message, ever") == "no such message, ever"
        assert told("No such sentence, ever. Nor this one.") == "No such sentence, ever. Nor this one."


def test_a_finished_sentence_is_told_by_its_pattern_with_its_places(monkeypatch: pytest.MonkeyPatch) -> None:
    known_here = {
        "Experiment {id} is {state}.": "实验 {id}：{state}。", "at rest": "静止", "Wait for its end.": "请等它结束。",
        "{count} of {total} rows": "{total} 行中的 {count} 行",
    }
    monkeypatch.setattr(retelling, "messages", lambda language: known_here)
    retelling._patterns.cache_clear()
    retelling._told.cache_clear()
    try:
        with speaking("zh"):
            assert told("Experiment x1 is at rest.") == "实验 x1：静止。"
            assert told("3 of 12 rows") == "12 行中的 3 行", "places may change their order"
            assert told("Experiment x1 is at rest. Wait for its end.") == "实验 x1：静止。 请等它结束。"
            assert told("Experiment x1 is at rest. Unheard of.") == "实验 x1：静止。 Unheard of."
            assert told("Experiment {0.__class__} is at rest.") == "实验 {0.__class__}：静止。", "no place of its own"
    finally:
        retelling._patterns.cache_clear()
        retelling._told.cache_clear()


@pytest.mark.parametrize(("sentence", "said"), [
    ("The network of alone (seed 3) was let go of, so it is left out.", "alone"),
    ("No training sample is left of the class teacher; allowed: one or more. Give more.", "teacher"),
    ("2 of 9 runs diverged: alone, Students, seed 0. Their last good epoch is kept; lower the learning rate or the "
     "weights.", "alone, Students, seed 0"),
    ("There is no “teacher” in this experiment any more; choose another variant.", "“teacher”"),
])
def test_a_name_that_is_a_word_of_ours_stays_within_a_sentence(sentence: str, said: str) -> None:
    with speaking("zh"):
        assert said in told(sentence) and told(sentence) != sentence


def test_what_a_run_learned_from_is_told_part_by_part() -> None:
    seen = "100 labelled images (3 of them corrected) and 1,040 unlabelled, none of class images"
    with speaking("zh"):
        assert told(seen) == "100 个有标签的图像（其中 3 个已更正）和 1,040 个无标签的，没有类别 images 的"
        assert told("Students, seed 12") == "学生，种子 12"


@pytest.mark.parametrize("change", [
    {"seeds": []}, {"seeds": [1, 1]}, {"students": []}, {"device": "tpu"}, {"latency": {"batches": [0]}},
    {"seedz": [1]},
    {"student_training": {"epochs": 0}}, {"data": {"dataset": {"name": "digits"}, "student_labels": -1}},
])
def test_problems_of_a_bad_spec_are_told(spec_data: dict, change: dict) -> None:
    with pytest.raises(SpecError) as refused:
        parse_spec(spec_data | change)
    with speaking("zh"):
        for problem in refused.value.problems:
            said = told(str(problem))
            assert said.startswith(problem.field), "a field has one name"
            assert re.search(r"[\u4e00-\u9fff]", said) and not re.search(r"[A-Za-z]{2,}( [A-Za-z]{2,}){2,}", said), said


def test_a_format_in_a_translation_is_no_trouble_for_a_number_that_is_text_by_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with _known_messages(monkeypatch, {"Only {number:,} of {share:.1f}%.": "{share:.1f}% 中只有 {number:,}。"}):
        assert told("Only 1,234 of 5.5%.") == "5.5% 中只有 1,234。"


@pytest.mark.parametrize(("text", "values"), [
    ("a is b.", ["a", "b"]), ("a is b is c.", ["a", "b is c"]), ("is is is.", ["is", "is"]), ("a is .", None),
    (" is b.", None), ("a is b", None), ("a was b.", None), ("line\nbreak is b.", ["line\nbreak", "b"]),
])
def test_places_are_filled_as_short_as_can_be_and_never_empty(text: str, values: list[str] | None) -> None:
    assert retelling._filled(text, ["", " is ", "."]) == values


def test_a_text_made_to_fit_nearly_everything_is_given_back_soon() -> None:
    hostile = "1 x, of in: (is 2) to 3%; " * 400
    started = time.perf_counter()
    with speaking("zh"):
        told(hostile)
    assert time.perf_counter() - started < 10, "searching all ways to part it would take hours"


@contextmanager
def _known_messages(monkeypatch: pytest.MonkeyPatch, messages: dict[str, str]) -> Iterator[None]:
    monkeypatch.setattr(retelling, "messages", lambda language: messages)
    retelling._patterns.cache_clear()
    retelling._told.cache_clear()
    try:
        with speaking("zh"):
            yield
    finally:
        retelling._patterns.cache_clear()
        retelling._told.cache_clear()
