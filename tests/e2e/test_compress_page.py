"""The way from a finished experiment to its staircase: Compress, one press, Start, the tab."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from distill_core.services import Lab
from distill_core.spec import parse_spec
from tests.conftest import tiny_spec_data
from tests.e2e.conftest import OpenTab, Server, settled
from tests.e2e.waits import WORK_MS
from tests.fixtures import build_finished_experiment

pytestmark = pytest.mark.e2e


def test_a_staircase_in_a_minute(server: Server, open_tab: OpenTab) -> None:
    lab = Lab(server.home)
    # Its networks are not on the disk, so that the worker trains them first; how runs are reused has tests of its own.
    spec = parse_spec(tiny_spec_data() | {"name": "tiny", "seeds": [0]})
    source = build_finished_experiment(server.home, spec=spec)
    page = open_tab(f"{server.url}/experiment?id={source}")
    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Compress").click()
    page.wait_for_url(f"**/compress?from={source}")
    page.get_by_role("button", name="Staircase: prune, fine-tune, quantize").click()
    expect(page.get_by_text("3 ·")).to_be_visible()
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**/experiment?id=*", timeout=WORK_MS)
    tab = page.get_by_role("tab", name="Compression")
    expect(tab).to_have_attribute("aria-selected", "true")
    # The sentence with bytes and speed is there once the last step is measured.
    expect(page.get_by_text(re.compile(r"kB .*here \(p50")).first).to_be_visible(timeout=WORK_MS)
    expect(page.locator(".stPlotlyChart .js-plotly-plot").last).to_be_visible()
    settled(page)
    made = lab.experiments()[0]
    assert made.name == "tiny, compressed"
    compressed = [run for run in lab.experiment(made.experiment_id).runs if run.role == "compressed"]
    assert len(compressed) == 3 and all(run.state == "finished" for run in compressed)
