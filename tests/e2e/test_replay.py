"""A replay in the live chart, fed with made-up answers: cutting, axes that stay, keys, the address, back to live."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from distill_core.folders import Home
from tests.e2e import chart
from tests.e2e.conftest import OpenTab, Server, running_server, settled
from tests.e2e.test_curves import feed, line, point
from tests.fixtures import build_finished_experiment, preset_spec

pytestmark = pytest.mark.e2e
LAST = 30


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory, with_catalogue: Callable[[Home], Home]) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("replay")
    with_catalogue(Home(folder / "home"))
    with running_server(folder) as server:
        build_finished_experiment(server.home, spec=preset_spec(seeds=1), experiment_id="one")
        yield server


def button(page: Page, name: str) -> Locator:
    return page.locator(".lab-replay").get_by_role("button", name=name, exact=True)


def told(page: Page) -> Locator:
    return page.locator(".lab-replay output")


def wait_for_length(page: Page, length: int) -> None:
    page.wait_for_function(
        "([s, n]) => { const data = document.querySelector(s).data.filter(t => /^r/.test(t.uid));"
        " return data.length === 2 && data.every(t => t.x.length === n); }", arg=[chart.PLOT, length],
    )


def both(first: int, last: int) -> list[list[Any]]:
    return [point(run, epoch, 0.3 + epoch / 50) for epoch in range(first, last + 1) for run in ("r0", "r1")]


def opened(furnished: Server, open_tab: OpenTab, answers: dict[int, dict[str, Any]], *, calm: bool = False) -> Page:
    page = open_tab(f"{furnished.url}/machine")
    if calm:
        page.emulate_media(reduced_motion="reduce")
    feed(page, answers)
    page.goto(f"{furnished.url}/experiment?id=one")
    chart.wait_for_curves(page)
    return page


def test_a_replay_cuts_all_lines_moves_no_axis_and_rests_at_the_end(furnished: Server, open_tab: OpenTab) -> None:
    page = opened(furnished, open_tab, {
        0: {"cursor": 9, "points": both(1, LAST)}, 9: {"state": "succeeded", "cursor": 9, "points": []},
    })
    settled(page)
    expect(page.locator(".lab-replay select")).to_be_hidden()
    button(page, "Replay").click()
    expect(button(page, "Pause")).to_be_focused()
    button(page, "Pause").click()
    page.locator(".lab-replay input").fill("10")
    wait_for_length(page, 10)
    assert line(page, "r0")[0] == list(range(1, 11))
    expect(page).to_have_url(re.compile(r"[?&]epoch=10\b"))
    axes = chart.x_range(page), chart.y_range(page)
    assert axes[0][1] > LAST, "the axis is that of the whole run"
    name = page.evaluate("s => document.querySelector(s).data.find(t => t.showlegend).name", chart.PLOT)
    assert name.split() == ["made", "up", "50.0"]
    button(page, "One epoch on").click()
    button(page, "One epoch on").press("ArrowRight")
    wait_for_length(page, 12)
    page.locator(".lab-replay input").press("ArrowLeft")
    wait_for_length(page, 11)
    assert (chart.x_range(page), chart.y_range(page)) == axes
    page.reload()
    chart.wait_for_curves(page)
    expect(told(page)).to_have_text(f"Epoch 11 of {LAST}")
    page.locator(".lab-replay select").select_option("8")
    button(page, "Play").click()
    expect(told(page)).to_have_text(f"Epoch {LAST} of {LAST}")
    expect(button(page, "Play")).to_be_visible()
    wait_for_length(page, LAST)
    button(page, "Show the whole run").click()
    expect(button(page, "Replay")).to_be_focused()
    assert "epoch=" not in page.url


def test_a_running_experiment_is_replayed_and_joined_again(furnished: Server, open_tab: OpenTab) -> None:
    answers: dict[int, dict[str, Any]] = {0: {"cursor": 9, "points": both(1, 10)}}
    page = opened(furnished, open_tab, answers, calm=True)
    settled(page)
    button(page, "Replay").click()
    # Whoever asked for less motion is shown the first epoch, and plays if they want to.
    expect(button(page, "Play")).to_be_visible()
    wait_for_length(page, 1)
    page.locator(".lab-replay input").fill("5")
    wait_for_length(page, 5)
    answers[9] = {"cursor": 11, "points": both(11, 12)}
    expect(told(page)).to_have_text("Epoch 5 of 12")
    wait_for_length(page, 5)
    button(page, "Back to live").click()
    wait_for_length(page, 12)
    expect(page.locator(".lab-status")).to_have_text("Live")
    answers[11] = {"cursor": 12, "points": both(13, 13)}
    wait_for_length(page, 13)
