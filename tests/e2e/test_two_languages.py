"""The language follows the browser, changes at a press on every page, and goes along in links."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import OpenTab, Server, settled
from tests.fixtures import build_finished_experiment, preset_spec

pytestmark = pytest.mark.e2e


def test_a_chinese_browser_reads_chinese_and_may_change_it_anywhere(server: Server, open_tab: OpenTab) -> None:
    identity = build_finished_experiment(server.home, spec=preset_spec(seeds=2))
    page = open_tab(f"{server.url}/experiment?id={identity}&tab=Trade-off", locale="zh-CN")
    expect(page.get_by_role("tab", name="权衡")).to_have_attribute("aria-selected", "true")
    page.get_by_role("button", name="English").click()
    # The same view of the same page, and an address that says so to whoever it is sent to.
    expect(page.get_by_role("tab", name="Trade-off")).to_have_attribute("aria-selected", "true")
    expect(page).to_have_url(re.compile(rf"/experiment\?(?=.*id={identity})(?=.*tab=Trade-off)(?=.*lang=en)"))
    for place in ("Queue", "Learn", "Storage"):
        page.goto(f"{server.url}/{place.lower()}?lang=en")
        settled(page)
        expect(page.get_by_role("heading", level=1)).to_contain_text(place)
        page.get_by_role("button", name="简体中文").click()
        expect(page.get_by_role("heading", level=1)).not_to_contain_text(place)
        expect(page).to_have_url(re.compile(r"lang=zh"))
    # Links inside carry it.
    page.goto(f"{server.url}/?lang=en")
    settled(page)
    page.get_by_role("link", name=re.compile("better targets")).first.click()
    expect(page).to_have_url(re.compile(rf"/experiment\?(?=.*id={identity})(?=.*lang=en)"))
    expect(page.get_by_role("tab", name="Trade-off")).to_be_visible()
