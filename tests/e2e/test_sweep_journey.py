"""From the form to the map: a small sweep is started, its map fills in the page, and a cell of it is opened."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from distill_core.services import Lab
from tests.conftest import tiny_spec_data
from tests.e2e.conftest import OpenTab, Server, settled
from tests.e2e.waits import WORK_MS
from tests.sweep_samples import sweep_data

pytestmark = pytest.mark.e2e
MAP = ".lab-figure .js-plotly-plot"
# Cells with a figure on the map, and what each of them says when pointed at.
FILLED = f"""() => {{ const plot = document.querySelector('{MAP}'); if (!plot?.data) return 0;
    return plot.data.find(t => t.coloraxis).z.flat().filter(z => z !== null).length; }}"""


def start(page: Page, server: Server) -> None:
    """A sweep of four cells and two seeds, given as a file's text."""
    data = sweep_data(base={key: value for key, value in tiny_spec_data().items() if key in (
        "data", "teacher", "student_training", "student_views", "latency", "seeds", "device"
    )})
    page.goto(f"{server.url}/new-sweep")
    page.wait_for_selector(".st-key-start-panel .js-plotly-plot", timeout=WORK_MS)
    settled(page)
    page.get_by_text("Edit as JSON, or open a file").click()
    page.get_by_role("textbox", name="Spec").fill(json.dumps(data))
    page.keyboard.press("Control+Enter")
    settled(page)
    page.get_by_role("button", name="Apply to the form").click()
    expect(page.get_by_role("textbox", name="Name of the sweep")).to_have_value("a map", timeout=WORK_MS)
    settled(page)
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**/sweep?id=*", timeout=WORK_MS)


def test_a_small_sweep_from_the_form_to_a_cell(server: Server, open_tab: OpenTab) -> None:
    page = open_tab(f"{server.url}/sweeps")
    page.set_default_timeout(WORK_MS)
    expect(page.get_by_text("the whole map as it fills")).to_be_visible()
    start(page, server)
    page.wait_for_selector(MAP, timeout=WORK_MS)
    # The same element all the while: nothing is mounted anew when cells fill.
    page.evaluate(f"document.querySelector('{MAP}').dataset.mine = 'yes'")
    page.wait_for_function(f"() => ({FILLED})() === 4", timeout=WORK_MS)
    expect(page.get_by_role("heading", name="Best trial")).to_be_visible(timeout=WORK_MS)
    settled(page)
    assert page.locator(MAP).get_attribute("data-mine") == "yes"
    box = page.locator(f"{MAP} .nsewdrag").first.bounding_box()
    assert box
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 0.75 * box["height"])
    page.wait_for_url(re.compile(r"trial=1\b"))
    card = page.locator(".st-key-card-one-trial")
    expect(card.get_by_text("Trial 1", exact=True)).to_be_visible()
    card.get_by_role("button", name="Open its experiment").click()
    page.wait_for_url("**/experiment?id=*")
    expect(page.get_by_role("link", name="The sweep it belongs to")).to_be_visible()
    results = Lab(server.home).sweeps.results(Lab(server.home).sweeps.list()[0].sweep_id)
    assert [trial.state for trial in results.trials] == ["finished"] * 4 and results.best is not None
    # Whoever is signed out meanwhile is told so, and sees the map once it may.
    page.route("**/lab/sweep/**", lambda route: route.fulfill(status=403, json={"error": "You are signed out."}))
    page.goto(f"{server.url}/sweep?id={results.row.sweep_id}")
    expect(page.get_by_text("You are signed out, or may not see this")).to_be_visible(timeout=WORK_MS)
    page.unroute("**/lab/sweep/**")
    page.wait_for_selector(MAP, timeout=WORK_MS)
