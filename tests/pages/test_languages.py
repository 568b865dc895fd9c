"""Pages in another language: the words change, the address does not."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from distill_core.folders import Home
from pages.doors.languages import language_of
from tests.fixtures import build_finished_experiment, preset_spec
from tests.pages.conftest import OpenPage

DETAIL = "experiments/detail.py"


def test_tabs_and_choices_are_shown_in_chinese_and_addressed_in_english(open_page: OpenPage, home: Home) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=2))
    address = {"id": identity, "lang": "zh", "tab": "Trade-off", "cost": "Parameters", "measured": "batch 32, 1 thread"}
    app = open_page(DETAIL, **address)
    assert not app.exception
    assert [tab.label for tab in app.tabs][:2] == ["训练", "权衡"]
    # The tab of the address is open, and what it names is chosen.
    cost = app.segmented_control(key="cost")
    assert (cost.value, cost.options[1]) == ("Parameters", "参数量")
    assert app.selectbox(key="measured").value == "batch 32, 1 thread"
    assert app.query_params["tab"] == "Trade-off" and app.query_params["cost"] == "Parameters"
    # The same link in English is the same view.
    app = open_page(DETAIL, **address | {"lang": "en"})
    assert [tab.label for tab in app.tabs][:2] == ["Runs", "Trade-off"]
    assert app.segmented_control(key="cost").value == "Parameters"


@pytest.mark.parametrize(("header", "query", "language"), [
    ("", b"", "en"), ("zh-CN,zh;q=0.9,en;q=0.8", b"", "zh"), ("en;q=0.5,zh;q=0.9", b"", "zh"),
    ("fr,en;q=0.1", b"", "en"),
    ("zh", b"lang=en", "en"), ("en", b"a=1&lang=zh", "zh"), ("zh;q=x", b"lang=xx", "zh"), ("fr", b"", "en"),
])
def test_the_address_wins_then_what_the_browser_wants_most(header: str, query: bytes, language: str) -> None:
    assert language_of({"type": "http", "query_string": query}, Headers({"accept-language": header})) == language
