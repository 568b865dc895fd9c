"""Words follow the reader; sentences made in English elsewhere are told again by their patterns."""

from __future__ import annotations

import threading

import pytest

from distill_core.language import _, counted, current, known, retelling, speaking, told


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
