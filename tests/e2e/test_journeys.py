"""The journeys of a user through the real server: demo, stop and resume, reload, compare, deep links."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import time
import zipfile
from collections.abc import Callable, Collection
from pathlib import Path
from statistics import median

import pytest
from playwright.sync_api import Page, Response, expect

from distill_core.event_log import read_events
from distill_core.events import EpochEnded
from distill_core.folders import Home
from distill_core.services import Lab
from distill_core.spec import ExperimentSpec, parse_spec
from tests.conftest import tiny_spec_data
from tests.e2e import chart
from tests.e2e.conftest import OpenTab, Server, running_server, settled
from tests.e2e.waits import ANSWER_MS, WORK_MS
from tests.fixtures import build_finished_experiment, preset_spec

pytestmark = pytest.mark.e2e


def slow_spec(*, epochs: int = 40) -> ExperimentSpec:
    """Trains for ten seconds or more, so that there is a middle to stop or reload in."""
    data = tiny_spec_data()
    data["student_training"] |= {"epochs": epochs, "steps_per_epoch": 40}
    return parse_spec(data | {"name": "slow enough to stop"})


def identity_of(page: Page) -> str:
    found = re.search(r"id=([a-z0-9-]+)", page.url)
    assert found
    return found[1]


def wait_for_state(lab: Lab, identity: str, *, unlike: Collection[str] = (), wanted: str = "") -> None:
    """Waits for a state in the store, or for any other than those unlike it."""
    deadline = time.monotonic() + WORK_MS / 1000
    while (now := lab.store.state(identity)) in unlike or (wanted and now != wanted):
        assert time.monotonic() < deadline, f"{identity} is still {now}"
        time.sleep(0.1)


def state(page: Page, word: str) -> None:
    """Waits for the badge beside the title; its text begins with its icon's name."""
    badge = page.get_by_test_id("stMain").get_by_text(re.compile(rf"{word}$")).first
    expect(badge).to_be_visible(timeout=WORK_MS)


def test_the_digits_train_live_to_their_verdict_and_ship(server: Server, open_tab: OpenTab) -> None:
    """With two of its five seeds; the newcomer's path takes the whole preset."""
    page = open_tab(server.url)
    seen: list[tuple[float, str, int]] = []

    def note(response: Response) -> None:
        if "/lab/live/" in response.url and response.ok:
            seen.extend((time.time(), point[0], point[1]) for point in response.json()["points"])

    page.on("response", note)
    identity = Lab(server.home).launch(preset_spec(seeds=2))
    page.goto(f"{server.url}/experiment?id={identity}")
    chart.wait_for_curves(page)
    page.wait_for_function("() => document.querySelector('.lab-plot')._fullData.length > 6", timeout=WORK_MS)
    zoomed = chart.zoom(page)
    chart.click_legend(page, "alone, label smoothing")
    page.wait_for_function(
        "() => document.querySelector('.lab-plot')._fullData.find(t => t.name === 'alone, label "
        "smoothing').visible === 'legendonly'"
    )
    page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollTo(0, 240)")
    before, scrolled = chart.points(page), page.evaluate(
        "() => document.querySelector('[data-testid=stMain]').scrollTop"
    )
    chart.wait_for_more(page, before + 20, timeout_ms=WORK_MS)
    assert chart.x_range(page) == zoomed
    assert chart.visible(page, "alone, label smoothing") == ["legendonly"]
    assert page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollTop") == scrolled

    verdict = re.compile("distilled T=8: (distillation helped|inconclusive)")
    expect(page.get_by_text(verdict).first).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_text(re.compile(r"alone 9\d\.\d%: [+-]\d\.\d points \(95% CI")).first).to_be_visible()
    state(page, "succeeded")
    chart.wait_for_more(page, 50 + 8 * 40 - 1)
    assert chart.points(page) == 50 + 8 * 40

    # A link, so that the browser writes it to the disk as it comes; asked for as this page's own person.
    bundle = page.get_by_role("link", name="Download bundle").get_attribute("href")
    answer = page.request.get(f"{server.url}{bundle}", timeout=ANSWER_MS)
    assert answer.ok and answer.headers["content-disposition"].startswith("attachment; filename=")
    archive = zipfile.ZipFile(io.BytesIO(answer.body()))
    assert {Path(name).name for name in archive.namelist()} >= {
        "model.onnx", "labels.json", "test_samples.npz", "model_card.md", "spec.json"
    }
    assert_points_were_quick(server, identity, seen)


def assert_points_were_quick(server: Server, identity: str, seen: list[tuple[float, str, int]]) -> None:
    """From the worker's commit of an epoch to the browser, by the worker's own clock."""
    events = read_events(server.home.experiment(identity).events)
    written = {(event.run_id, event.epoch): event.at for event, _ in events if isinstance(event, EpochEnded)}
    delays = [at - written[run, epoch] for at, run, epoch in seen if (run, epoch) in written]
    assert len(delays) > 200
    # Training, server and Chromium share the cores here; the second itself is the benchmark's to prove.
    assert median(delays) < 10.0, f"median {median(delays):.2f} s"


def test_stop_keeps_a_usable_model_and_resume_goes_on(server: Server, open_tab: OpenTab) -> None:
    identity = Lab(server.home).launch(slow_spec(epochs=2000))
    page = open_tab(f"{server.url}/experiment?id={identity}")
    chart.wait_for_curves(page)
    page.get_by_role("button", name="Stop").click()
    state(page, "stopped")
    kept = chart.points(page)
    assert kept > 0 and [*server.home.experiment(identity).path.glob("runs/*/model.safetensors")]
    page.get_by_role("button", name="Resume").click()
    state(page, "running")
    chart.wait_for_more(page, kept, timeout_ms=WORK_MS)


def test_a_double_click_on_start_launches_one_experiment(server: Server, open_tab: OpenTab) -> None:
    page = open_tab(f"{server.url}/new?preset=digits-unlabelled")
    page.get_by_role("button", name="Start", exact=True).dblclick()
    page.wait_for_url("**/experiment?id=*")
    page.wait_for_selector(".lab-root")
    lab, identity = Lab(server.home), identity_of(page)
    # By the time the first is on its way, a second click that got through would have launched its own.
    wait_for_state(lab, identity, unlike=("queued",))
    settled(page)
    assert [row.experiment_id for row in lab.experiments()] == [identity]


def test_a_reload_in_the_middle_loses_nothing(server: Server, open_tab: OpenTab) -> None:
    identity = Lab(server.home).launch(slow_spec())
    page = open_tab(f"{server.url}/experiment?id={identity}&tab=Log+and+settings")
    chart.wait_for_curves(page)
    before = chart.points(page)
    page.reload()
    chart.wait_for_curves(page)
    assert chart.points(page) >= before
    assert "tab=Log" in page.url
    expect(page.get_by_role("tab", name="Log and settings")).to_have_attribute("aria-selected", "true")
    chart.wait_for_more(page, max(before, chart.points(page)))


def test_a_killed_server_loses_nothing(
    tmp_path: Path, open_tab: OpenTab, with_catalogue: Callable[[Home], Home]
) -> None:
    with_catalogue(Home(tmp_path / "home"))
    with running_server(tmp_path) as first:
        lab = Lab(first.home)
        # Queued without a dispatcher: the server that shows it must start one.
        lab.store.create(lab.check(slow_spec(epochs=15).to_json()), experiment_id="survivor", created_at=time.time())
        page = open_tab(f"{first.url}/experiment?id=survivor")
        chart.wait_for_curves(page)
        os.killpg(first.process.pid, signal.SIGKILL)
        first.process.wait(10)
        expect(page.get_by_text("No connection to the server")).to_be_visible(timeout=WORK_MS)
        cursor = lab.live("survivor", 0)["cursor"]
        assert lab.store.state("survivor") == "running"
        wait_for_state(lab, "survivor", wanted="succeeded")
        assert lab.live("survivor", 0)["cursor"] > cursor, "the training went on without a server"
        with running_server(tmp_path) as second:
            page = open_tab(f"{second.url}/experiment?id=survivor")
            state(page, "succeeded")
            expect(page.get_by_text(re.compile(r"points \(95% CI")).first).to_be_visible()


def test_a_hidden_tab_asks_for_nothing(server: Server, open_tab: OpenTab) -> None:
    identity = Lab(server.home).launch(slow_spec(epochs=2000))
    page = open_tab(f"{server.url}/experiment?id={identity}")
    chart.wait_for_curves(page)
    page.evaluate(
        "() => { Object.defineProperty(document, 'visibilityState', {get: () => window.shown || 'hidden'});"
        "document.dispatchEvent(new Event('visibilitychange')); }"
    )
    expect(page.locator(".lab-status")).to_have_text("Paused while hidden")
    page.wait_for_function("() => !document.querySelector('.lab-root').lab.polling.polling")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/lab/live/" in request.url else None)
    page.wait_for_timeout(2500)
    assert asked == []
    with page.expect_request("**/lab/live/**"):
        page.evaluate("() => { window.shown = 'visible'; document.dispatchEvent(new Event('visibilitychange')); }")


def test_comparing_two_experiments(server: Server, open_tab: OpenTab) -> None:
    first = build_finished_experiment(server.home, spec=preset_spec(seeds=2, name="first"), created_at=1_790_000_000)
    second = build_finished_experiment(
        server.home, spec=preset_spec("digits-unlabelled", seeds=2, name="second"), created_at=1_790_010_000
    )
    page = open_tab(f"{server.url}/experiment?id={first}")
    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url(f"**/compare?ids={first}")
    page.get_by_role("combobox", name="Experiments").click()
    page.get_by_role("option", name=re.compile("second")).click()
    page.wait_for_url(re.compile(f"ids={first}.*ids={second}"))
    page.keyboard.press("Escape")
    settled(page)
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").get_by_role("button").click()
    assert Path(download.value.path()).read_text().count("\n") == 1 + 9 + 5
    page.get_by_role("tab", name="Trade-off").click()
    expect(page.locator(".stPlotlyChart .js-plotly-plot")).to_be_visible()
    page.get_by_role("tab", name="Differences").click()
    page.wait_for_url("**tab=Differences**")
    link = page.url
    again = open_tab(link)
    expect(again.get_by_role("tab", name="Differences")).to_have_attribute("aria-selected", "true")
    expect(again.get_by_text("first", exact=False).first).to_be_visible()


@pytest.mark.parametrize(
    "place", ["experiment?id={id}", "new?from={id}", "compare?ids={id}", "machine", "", "experiments"],
)
def test_a_deep_link_on_a_fresh_server_shows_the_whole_frame(server: Server, open_tab: OpenTab, place: str) -> None:
    """Its first request of all."""
    identity = build_finished_experiment(server.home, spec=preset_spec(seeds=2, name="linked"))
    page = open_tab(f"{server.url}/{place.format(id=identity)}")
    for title in ("Experiments", "New experiment", "Queue", "Data"):
        expect(page.get_by_role("link", name=title, exact=True).first).to_be_visible()
    for group in ("Results", "Learn", "Machine"):
        expect(page.get_by_test_id("stTopNavSection").filter(has_text=group)).to_be_visible()
    if "id" in place:
        expect(page.get_by_text("linked").first).to_be_visible()
    assert json.dumps(page.title()) != '""'


def test_the_first_page_is_usable_soon(server: Server, open_tab: OpenTab) -> None:
    """A generous bound, which one of five must keep: the benchmark owns the claim of two seconds."""
    durations: list[float] = []
    while len(durations) < 5 and min(durations, default=20.0) >= 20.0:
        start = time.perf_counter()
        page = open_tab(server.url)
        page.get_by_role("button", name="Run the digits demo").wait_for()
        durations.append(time.perf_counter() - start)
        page.close()
    assert min(durations) < 20.0, durations
