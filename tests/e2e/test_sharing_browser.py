"""Sharing and bringing files in a real browser: what a link shows; how a file comes, is cancelled or refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from distill_core.folders import Home
from distill_core.services import Lab
from tests.e2e.conftest import PHONE, OpenTab, Server, running_server, settled
from tests.e2e.waits import WORK_MS
from tests.fixtures import build_finished_experiment, preset_spec

pytestmark = pytest.mark.e2e
SLOW_BYTES_A_SECOND = 4_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, with_catalogue: Callable[[Home], Home]) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sharing")
    with_catalogue(Home(folder / "home"))
    with running_server(folder) as found:
        yield found


def test_a_link_shows_a_page_without_script_or_websocket_and_ends_when_revoked(
    server: Server, open_tab: OpenTab
) -> None:
    identity = build_finished_experiment(server.home, spec=preset_spec(seeds=3))
    lab = Lab(server.home)
    made = lab.shares.make(identity, days=1)
    link = f"{server.url}/lab/share/{made.token}"
    page = open_tab(link, phone=True)
    sockets: list[str] = []
    asked: list[str] = []
    complaints: list[str] = []
    page.on("websocket", lambda one: sockets.append(one.url))
    page.on("request", lambda one: asked.append(one.url))
    page.on("console", lambda one: complaints.append(one.text))
    page.reload()
    expect(page.get_by_role("heading", name="Verdict")).to_be_visible()
    expect(page.get_by_role("img")).to_have_count(4)
    # Its style was let in by the policy, and nothing reaches beyond the screen of a phone.
    assert page.locator(".answer").evaluate("one => getComputedStyle(one).fontWeight") == "600"
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert (sockets, complaints) == ([], [])
    assert {one.rpartition("/")[2] for one in asked} <= {made.token, "favicon.ico"}
    lab.shares.revoke(made.share.share_id)
    page.reload()
    expect(page.get_by_role("heading")).to_have_text("This link was revoked. Ask whoever sent it for a new one.")


def test_a_file_shows_its_progress_can_be_cancelled_and_is_refused_in_words(
    server: Server, open_tab: OpenTab, tmp_path: Path
) -> None:
    page = open_tab(f"{server.url}/data")
    button = page.get_by_role("button", name="Choose a file")
    expect(button).to_be_visible(timeout=WORK_MS)
    # A part that is drawn anew between focus and key would lose the key.
    settled(page)
    with page.expect_file_chooser() as chooser:
        button.press("Enter")
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", {
        "offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": SLOW_BYTES_A_SECOND,
    })
    large = tmp_path / "large.zip"
    large.write_bytes(os.urandom(40_000_000))
    chooser.value.set_files(large)
    bar = page.get_by_role("progressbar", name="Uploading large.zip")
    expect(bar).to_be_visible()
    expect(bar).not_to_have_js_property("value", 0)
    page.get_by_role("button", name="Cancel").click()
    expect(button).to_be_visible()
    network.send("Network.emulateNetworkConditions", {
        "offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
    })
    wrong = tmp_path / "program.exe"
    wrong.write_bytes(b"MZ")
    page.locator("input[type=file]").set_input_files(wrong)
    expect(page.get_by_role("alert").filter(has_text="allowed: .zip")).to_be_visible()
    table = tmp_path / "reviews.csv"
    table.write_text("text,label\n" + "a good film,good\na bad film,bad\n" * 5)
    page.locator("input[type=file]").set_input_files(table)
    expect(page.get_by_role("button", name="Read it in")).to_be_visible()
    kept = sorted(path.suffix for path in server.home.uploads.iterdir())
    assert kept == [".csv", ".json"], "nothing is left of what was cancelled or refused"
