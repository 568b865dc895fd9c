"""A newcomer's way from an empty home to a report in hand: what to press next is always on the screen, few presses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.conftest import OpenTab, Server, settled
from tests.e2e.waits import WORK_MS

pytestmark = pytest.mark.e2e
MOST_PRESSES = 8


class Newcomer:
    """Presses what can be seen without scrolling, and counts."""

    def __init__(self, page: Page) -> None:
        self.page, self.presses = page, 0

    def press(self, what: Locator) -> None:
        expect(what).to_be_in_viewport()
        what.click()
        self.presses += 1


def test_from_an_empty_home_to_a_report_in_a_few_presses(
    fresh_server: Server, open_tab: OpenTab, browser: Browser, tmp_path: Path
) -> None:
    page = open_tab(fresh_server.url)
    newcomer = Newcomer(page)
    newcomer.press(page.get_by_role("button", name="Run the digits demo"))
    page.wait_for_url("**/experiment?id=*")
    file = from_verdict_to_report(newcomer, tmp_path)
    assert newcomer.presses <= MOST_PRESSES
    page.close()
    shows_everything_offline(browser, file)


def from_verdict_to_report(newcomer: Newcomer, folder: Path) -> Path:
    """By way of the lens; the page is an experiment's that runs or has run."""
    page = newcomer.page
    verdict = page.get_by_text(re.compile(r"points \(95% CI")).first
    expect(verdict).to_be_visible(timeout=WORK_MS)
    expect(verdict).to_be_in_viewport()

    expect(page.locator(".lab-plot .modebar-btn").first).to_be_attached()
    expect(page.locator(".modebar-btn[data-title^='Share chart']")).to_have_count(0)

    newcomer.press(page.get_by_role("button", name="Lens"))
    expect(page.get_by_role("heading", name="Dark-knowledge lens")).to_be_visible()
    warmth = page.locator(".lab-lens .controls > .slider input")
    expect(warmth).to_be_in_viewport()
    networks = page.locator(".lab-lens .network")
    expect(networks).to_have_count(5)
    before = networks.first.inner_text()
    newcomer.press(page.locator(".lab-lens").get_by_role("button", name="T = 8", exact=True))
    expect(networks.first).not_to_have_text(before, use_inner_text=True)

    newcomer.press(page.get_by_test_id("stMain").get_by_role("link", name="Report"))
    expect(page.get_by_role("heading", name="Report", exact=True)).to_be_visible()
    settled(page)
    with page.expect_download() as download:
        newcomer.press(page.get_by_role("button", name="Download the report"))
    file = folder / download.value.suggested_filename
    download.value.save_as(file)
    return file


def shows_everything_offline(browser: Browser, file: Path) -> None:
    context = browser.new_context(offline=True)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    expect(page.locator(".answer")).to_contain_text("reaches")
    charts = page.locator("svg.chart")
    assert charts.count() >= 4
    for chart in charts.all():
        box = chart.bounding_box()
        assert box and box["width"] > 250 and box["height"] > 120
        assert chart.locator("circle, polygon, polyline, path, rect").count() >= 5
    assert asked == [file.as_uri()], "nothing is fetched"
    context.close()
