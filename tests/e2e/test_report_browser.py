"""The report in a real browser: opened from the disk without a network, printed, and made on its page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from distill_core.folders import Home
from distill_core.jobs.catalogue import load_catalogue
from distill_core.services import Lab
from tests.e2e.conftest import OpenTab, Server, settled
from tests.fixtures import build_compressed_experiment

pytestmark = pytest.mark.e2e
# Every mark, line, bar and polygon that is painted, of each chart; and whether anything reaches out of it.
MARKS = """charts => charts.map(chart => {
  const box = chart.getBoundingClientRect();
  const shapes = [...chart.querySelectorAll('circle, polygon, polyline, line, rect')]
    .filter(one => one.getBoundingClientRect().width + one.getBoundingClientRect().height > 0);
  const out = [...chart.querySelectorAll('text')].map(one => one.getBoundingClientRect())
    .filter(one => one.left < box.left - 2 || one.right > box.right + 2 || one.bottom > box.bottom + 4);
  return [box.width, box.height, shapes.length, out.length];
})"""


def test_a_report_opens_from_the_disk_without_a_network_and_prints(browser: Browser, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    load_catalogue(home)
    identity = build_compressed_experiment(home, seeds=3)
    lab = Lab(home)
    lab.notes.write(identity, "![x](https://evil.example/x.png) <img src=https://evil.example/y.png>")
    for language, width, theme, ground in (
        ("en", 1200, "light", "rgb(255, 255, 255)"), ("zh", 390, "dark", "rgb(15, 19, 24)"),
    ):
        file = tmp_path / f"{language}.html"
        file.write_bytes(lab.reports.make(identity, language=language).content)  # type: ignore[arg-type]
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
        context.set_offline(True)
        page = context.new_page()
        asked: list[str] = []
        complaints: list[str] = []
        page.on("request", lambda one, asked=asked: asked.append(one.url))
        page.on("console", lambda one, complaints=complaints: complaints.append(one.text))
        page.on("pageerror", lambda one, complaints=complaints: complaints.append(str(one)))
        page.goto(file.as_uri())
        charts = page.locator("svg.chart")
        expect(charts).to_have_count(5)
        for wide, high, shapes, outside in charts.evaluate_all(MARKS):
            assert wide > 250 and high > 120 and shapes >= 5 and outside == 0
        assert (asked, complaints) == ([file.as_uri()], [])
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == ground
        page.locator("details.data summary").first.click()
        expect(page.locator("details.data table").first).to_be_visible()
        printed = page.pdf(prefer_css_page_size=True)
        pages = re.findall(rb"/Type\s*/Page\b", printed)
        sizes = set(re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", printed))
        assert 3 <= len(pages) <= 6
        assert all(abs(float(x) - 595) < 2 and abs(float(y) - 842) < 2 for x, y in sizes) and sizes
        context.close()


def test_the_page_makes_the_file_of_what_was_written_a_moment_ago(server: Server, open_tab: OpenTab) -> None:
    identity = build_compressed_experiment(server.home, seeds=2)
    page = open_tab(f"{server.url}/experiment?id={identity}")
    page.get_by_role("button", name="Report").click()
    page.get_by_role("textbox", name="Summary").fill("Ship the **small** one")
    page.get_by_role("textbox", name="Title").fill("For the board")
    page.get_by_role("textbox", name="Title").press("Tab")
    expect(page.get_by_text("Saved.")).to_be_visible()
    preview = page.frame_locator("iframe")
    expect(preview.get_by_role("heading", name="For the board")).to_be_visible()
    expect(preview.locator("svg.chart")).to_have_count(5)
    assert preview.locator(".answer").evaluate("one => getComputedStyle(one).fontWeight") == "600"
    settled(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the report").click()
    assert download.value.suggested_filename == f"report-{identity}-en.html"
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert "<h1>For the board</h1>" in text and "<strong>small</strong>" in text
    page.reload()
    expect(page.get_by_role("textbox", name="Title")).to_have_value("For the board")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("window.innerWidth")
