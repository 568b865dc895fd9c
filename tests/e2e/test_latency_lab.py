"""The latency lab through a real browser: measuring with its progress, the shared link, a phone's report beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import OpenTab, Server, settled
from tests.e2e.waits import WORK_MS
from tests.latency_samples import exported_experiment, graph_of, report_bytes, report_of

pytestmark = pytest.mark.e2e


def test_measured_here_and_on_a_phone_on_one_chart(server: Server, open_tab: OpenTab, tmp_path: Path) -> None:
    runs = exported_experiment(server.home)
    page = open_tab(f"{server.url}/latency")
    page.get_by_role("button", name="Measure", exact=True).click()
    expect(page.get_by_text("Measuring:")).to_be_visible()
    expect(page.get_by_role("heading", name="Every single time")).to_be_visible(timeout=WORK_MS)
    expect(page).to_have_url(re.compile(r"/latency\?id=one&result=[0-9a-f]{12}$"))
    settled(page)
    phone = tmp_path / "phone.json"
    phone.write_bytes(report_bytes(report_of([graph_of(server.home, run) for run in runs[:2]], machine="a phone")))
    page.get_by_text("Measured elsewhere").click()
    page.locator("input[type=file]").set_input_files(phone)
    expect(page.locator(".legendtext", has_text="a phone")).to_be_visible()
    assert page.url.count("result=") == 2
    settled(page)
    shared = open_tab(page.url, theme="dark", phone=True)
    expect(shared.locator(".legendtext", has_text="a phone")).to_be_visible()
    settled(shared)
    sizes = shared.evaluate(
        "() => [document.documentElement, document.querySelector('[data-testid=stMain]')].map(e => "
        "[e.scrollWidth, e.clientWidth])"
    )
    assert all(content <= screen for content, screen in sizes), sizes
    assert shared.locator("[data-testid=stException]").count() == 0
