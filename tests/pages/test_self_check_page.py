"""The page that checks the losses: nothing is computed unasked, a pass and a difference are told, trouble too."""

from __future__ import annotations

from typing import Any

import pytest

from distill_core.errors import HelperUnavailable
from distill_core.jobs.previewing import Previews
from tests.pages.conftest import OpenPage

PAGE = "machine/self_check.py"
ONE = {"what": "kd", "settings": {"temperature": 4}, "source": "a paper", "expected": 1.5, "found": 1.5,
       "difference": 0.0, "agrees": True}


def answering(monkeypatch: pytest.MonkeyPatch, *comparisons: dict[str, Any]) -> None:
    answer = {"comparisons": list(comparisons), "tolerance": 1e-8, "torch": "2"}
    monkeypatch.setattr(Previews, "self_check", lambda self: answer)


def test_a_pass_is_told_and_what_it_does_not_prove(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, ONE, ONE | {"what": "dkd"})
    app = open_page(PAGE)
    assert not app.exception and not app.dataframe
    assert "Nothing was computed yet" in app.info[0].value
    app.button(key="check").click().run()
    assert app.success[0].value == "All 2 values agree to within 1e-08."
    assert list(app.dataframe[0].value["settings"]) == ["temperature = 4"] * 2
    assert any("does not prove" in caption.value for caption in app.caption)


def test_differences_and_trouble_are_told(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, ONE, ONE | {"found": None, "difference": None, "agrees": False})
    app = open_page(PAGE)
    app.button(key="check").click().run()
    assert app.error[0].value.startswith("1 of 2 values differ by more than 1e-08;")
    assert list(app.dataframe[0].value["agrees"]) == ["agrees", "differs"]

    def unavailable(self: Previews) -> dict[str, Any]:
        raise HelperUnavailable("The helper process did not start in time.")

    monkeypatch.setattr(Previews, "self_check", unavailable)
    app.button(key="check").click().run()
    assert not app.exception and not app.dataframe
    assert "did not start in time" in app.error[0].value


def test_it_is_told_in_chinese(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, ONE)
    app = open_page(PAGE, lang="zh")
    app.button(key="check").click().run()
    assert app.title[0].value == "自检" and app.success[0].value == "全部 1 个值在 1e-08 之内一致。"
