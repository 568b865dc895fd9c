"""Faults with a browser open: its server is killed and comes back, and Start is pressed twice in each of two tabs."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from benchmarks.dashboard import dashboard, free_port
from distill_core.executors.local import LocalExecutor
from distill_core.folders import ExperimentFolder, Home
from distill_core.processes import hold
from distill_core.services import Lab
from tests.e2e import chart
from tests.e2e.conftest import OpenTab, running_server
from tests.e2e.waits import ANSWER_MS
from tests.faults.conftest import scene
from tests.faults.scene import Scene
from tests.faults.settling import wait_for

pytestmark = [pytest.mark.faults, pytest.mark.e2e]
__all__ = ["scene"]


def test_a_browser_goes_on_by_itself_when_its_killed_server_is_back(
    scene: Scene, tmp_path: Path, open_tab: OpenTab, with_catalogue: Callable[[Home], Home]
) -> None:
    with_catalogue(scene.home)
    name = scene.launch("epochs=100000 pace=0.1")
    scene.dispatcher()
    wait_for(lambda: scene.look(name) > 0)
    port, log = free_port(), tmp_path / "server.log"
    with dashboard(scene.home, log=log, port=port) as (url, process):
        page = open_tab(f"{url}/experiment?id={name}")
        chart.wait_for_curves(page)
        # Signed out meanwhile: the page says so, and goes on by itself once it may.
        page.route("**/lab/live/**", lambda route: route.fulfill(status=403, json={"error": "You are signed out."}))
        expect(page.get_by_text("You are signed out, or may not see this")).to_be_visible()
        page.unroute("**/lab/live/**")
        expect(page.get_by_text("You are signed out, or may not see this")).to_be_hidden(timeout=ANSWER_MS)
        os.killpg(process.pid, signal.SIGKILL)
        expect(page.get_by_text("No connection to the server")).to_be_visible()
    assert scene.state(name) == "running" and scene.worker(name) is not None
    drawn, kept = chart.points(page), scene.look(name)
    assert kept >= drawn > 0
    with dashboard(scene.home, log=log, port=port):
        # Nobody reloads the page.
        chart.wait_for_more(page, drawn, timeout_ms=ANSWER_MS)
        expect(page.get_by_text("No connection to the server")).to_be_hidden(timeout=ANSWER_MS)
        scene.store.transition(
            name, expected={"running"}, to="stopping", at=1.0, prepare=scene.folder(name).stop_request.touch
        )
        expect(page.get_by_text(re.compile("stopped$")).first).to_be_visible(timeout=ANSWER_MS)
    assert scene.end() == {name: "cancelled"}


def test_a_double_click_in_each_of_two_tabs_makes_two_experiments(
    tmp_path: Path, open_tab: OpenTab, with_catalogue: Callable[[Home], Home]
) -> None:
    """Two tabs are two wishes; the second click of each is none."""
    with_catalogue(Home(tmp_path / "home"))
    with running_server(tmp_path) as server:
        dispatching = hold(server.home.dispatcher_lock)
        tabs = [open_tab(f"{server.url}/new?preset=digits-unlabelled") for _ in range(2)]
        for tab in tabs:
            tab.get_by_role("button", name="Start", exact=True).dblclick()
        for tab in tabs:
            tab.wait_for_url("**/experiment?id=*", timeout=ANSWER_MS)
        found = {re.search(r"id=([a-z0-9-]+)", tab.url)[1] for tab in tabs}  # type: ignore[index]
        lab = Lab(server.home)
        assert len(found) == 2 and {row.experiment_id for row in lab.experiments()} == found
        for name in found:
            lab.stop(name)
            LocalExecutor().end(ExperimentFolder(server.home.experiment(name).path), force=True)
        assert dispatching is not None
        dispatching.close()
