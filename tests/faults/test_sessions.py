"""Many tabs beside a training: none sees an error, the server does not grow, and the training does not notice."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from benchmarks.dashboard import dashboard, free_port, percentile
from benchmarks.sessions import SESSIONS, errors_in, watched
from distill_core.folders import Home
from tests.e2e import chart
from tests.e2e.conftest import OpenTab, browser, open_tab
from tests.faults.scene import Scene
from tests.faults.settling import wait_for

pytestmark = pytest.mark.faults
__all__ = ["browser", "open_tab"]
MIB = 2**20


@pytest.mark.parametrize(
    ("sessions", "seconds"),
    [(10, 6.0), pytest.param(SESSIONS, 150.0, marks=[pytest.mark.slow, pytest.mark.timeout(900)])],
)
def test_tabs_beside_a_training(
    scene: Scene, tmp_path: Path, with_catalogue: Callable[[Home], Home], sessions: int, seconds: float
) -> None:
    with_catalogue(scene.home)
    log = tmp_path / "server.log"
    name = scene.launch("epochs=1000000 pace=0.05")
    scene.dispatcher()
    wait_for(lambda: scene.look(name) > 0)
    with dashboard(scene.home, log=log) as (url, process):
        figures = watched(url, process, name, seconds=seconds, sessions=sessions)
        assert figures.errors + errors_in(log) == []
        assert scene.state(name) == "running" and sum(figures.points) > sessions
        assert len(figures.whole) >= sessions // 2 and len(figures.fragments) > sessions
        # A generous bound: the machine may be busy. The benchmark owns the claim.
        assert percentile([*figures.whole, *figures.fragments], 0.95) < 2.0
        assert max(figures.memory) - figures.memory[0] < 50 * MIB
    scene.store.transition(
        name, expected={"running"}, to="stopping", at=1.0, prepare=scene.folder(name).stop_request.touch
    )
    assert scene.end() == {name: "cancelled"}
    assert scene.store.experiment(name).row.attempt == 1


@pytest.mark.e2e
def test_a_browser_goes_on_by_itself_when_its_killed_server_is_back(
    scene: Scene, tmp_path: Path, browser: Browser, open_tab: OpenTab, with_catalogue: Callable[[Home], Home]
) -> None:
    with_catalogue(scene.home)
    name = scene.launch("epochs=100000 pace=0.1")
    scene.dispatcher()
    wait_for(lambda: scene.look(name) > 0)
    port, log = free_port(), tmp_path / "server.log"
    with dashboard(scene.home, log=log, port=port) as (url, process):
        page = open_tab(f"{url}/experiment?id={name}")
        chart.wait_for_curves(page)
        os.killpg(process.pid, signal.SIGKILL)
        expect(page.get_by_text("No connection to the server")).to_be_visible()
    assert scene.state(name) == "running" and scene.worker(name) is not None
    drawn, kept = chart.points(page), scene.look(name)
    assert kept >= drawn > 0
    with dashboard(scene.home, log=log, port=port):
        # Nobody reloads the page.
        chart.wait_for_more(page, drawn, timeout_ms=90_000)
        expect(page.get_by_text("No connection to the server")).to_be_hidden(timeout=60_000)
        page.get_by_role("button", name="Stop").click(timeout=60_000)
        wait_for(lambda: scene.state(name) in ("stopping", "cancelled"), why=scene.story)
        assert scene.end() == {name: "cancelled"}
