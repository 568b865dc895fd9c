"""How the dashboard feels, measured in headless Chromium against a real server.

    python -m benchmarks.web

First page: from navigation to the usable list, 200 experiments in the store. Rerun: from a click on a filter to the
changed list. Live: in a real digits experiment, from the moment the worker writes a metric to the moment its point is
in the chart. Viewers: processor time of the server while ten pages watch a running experiment that gains points four
times a second.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Page, Response, sync_playwright

from benchmarks.report import write_result
from distill_core.folders import Home
from distill_core.presets import find_preset
from distill_core.processes import hold
from distill_core.services import Lab
from distill_core.spec import parse_spec
from tests.fixtures import build_finished_experiment, build_running_experiment, preset_spec

ROOT = Path(__file__).parent.parent
EXPERIMENTS, VISITS, VIEWERS, WATCH_SECONDS = 200, 5, 10, 20
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def row(case: str, value: float, unit: str) -> dict[str, Any]:
    return {"case": case, "value": round(value, 1) if value < 100 else round(value), "unit": unit}


@contextmanager
def server(home: Home) -> Iterator[tuple[str, psutil.Process]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"DISTILL_HOME": str(home.path)}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{url}/lab/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield url, psutil.Process(process.pid)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def first_page_and_rerun(browser: Browser, home: Home) -> list[dict[str, Any]]:
    spec = preset_spec("digits", seeds=1)
    for number in range(EXPERIMENTS):
        build_finished_experiment(home, spec=spec, experiment_id=f"bench{number:04}", created_at=1.79e9 + number)
    rows = []
    with server(home) as (url, _):
        cold, warm = [], []
        for _ in range(VISITS):
            context = browser.new_context()
            cold.append(seconds_to_list(context.new_page(), url))
            warm.append(seconds_to_list(context.new_page(), url))
            context.close()
        rows.append(row("first page, empty browser cache, first visitor of all", cold[0] * 1000, "ms"))
        rows.append(row(f"first page, empty browser cache, median of {VISITS}", statistics.median(cold) * 1000, "ms"))
        rows.append(row(f"first page, filled browser cache, median of {VISITS}", statistics.median(warm) * 1000, "ms"))
        page = browser.new_page()
        seconds_to_list(page, url)
        times = []
        for wanted, other in [("failed", "all")] * 6:
            for state, empty in ((wanted, True), (other, False)):
                start = time.perf_counter()
                chip = page.get_by_role("radio", name=state).or_(page.get_by_role("button", name=state, exact=True))
                chip.first.click()
                page.get_by_text("better targets").first.wait_for(state="detached" if empty else "visible")
                times.append((time.perf_counter() - start) * 1000)
        label = f"rerun with {EXPERIMENTS} experiments, click to changed list"
        rows.append(row(f"{label}, median of {len(times)}", statistics.median(times), "ms"))
        rows.append(row(f"{label}, slowest", max(times), "ms"))
    return rows


def seconds_to_list(page: Page, url: str) -> float:
    start = time.perf_counter()
    page.goto(url)
    page.get_by_role("heading", name="Experiments").wait_for()
    page.get_by_text("better targets").first.wait_for()
    return time.perf_counter() - start


SEEN = """() => {
  const deep = (node) => node.querySelector('.lab-plot') || [...node.querySelectorAll('*')].filter((e) => e.shadowRoot)
    .map((e) => deep(e.shadowRoot)).find(Boolean);
  const plot = deep(document), read = {};
  window.seenAt = {};
  setInterval(() => { for (const t of plot.data || []) if (!/^(mean|best)/.test(t.uid || '')) {
    for (const e of t.x.slice(read[t.uid] || 0)) window.seenAt[t.uid + '/' + e] ??= Date.now();
    read[t.uid] = t.x.length;
  } }, 20);
}"""


def metric_to_screen(browser: Browser, home: Home) -> list[dict[str, Any]]:
    lab = Lab(home)
    data = find_preset("digits").spec.to_json() | {"seeds": [0]}
    with server(home) as (url, _):
        experiment = lab.launch(parse_spec(data))
        page = browser.new_page()
        page.goto(f"{url}/experiment?id={experiment}")
        page.locator(".lab-plot").first.wait_for(state="attached")
        page.evaluate(SEEN)
        while lab.experiment(experiment).row.state not in ("succeeded", "failed"):
            time.sleep(0.5)
        page.wait_for_timeout(2500)
        seen = page.evaluate("window.seenAt")
    delays = []
    written = [json.loads(line) for line in home.experiment(experiment).events.read_text().splitlines()]
    first = min(seen.values())
    for event in written:
        key = f"{event.get('run_id')}/{event.get('epoch')}"
        # Points from before the chart was on screen were not waited for.
        if event["kind"] == "epoch" and key in seen and event["at"] * 1000 > first:
            delays.append(seen[key] - event["at"] * 1000)
    delays.sort()
    title = "metric written to point in the chart"
    return [
        row(f"{title}, median of {len(delays)}", statistics.median(delays), "ms"),
        row(f"{title}, 99th percentile", delays[int(0.99 * len(delays))], "ms"),
    ]


def viewers(browser: Browser, home: Home) -> list[dict[str, Any]]:
    # A dispatcher would notice that nobody works on this experiment.
    lock = hold(home.dispatcher_lock)
    worker = build_running_experiment(home)
    runs = [run for run in worker.runs if run.role != "teacher" and run.seed == worker.spec.seeds[0]]
    rows = []
    with server(home) as (url, process):
        pages: list[Page] = []
        for _ in range(VIEWERS):
            page = browser.new_context().new_page()
            page.goto(f"{url}/experiment?id={worker.experiment_id}")
            page.locator(".lab-plot").first.wait_for(state="attached")
            pages.append(page)
        sizes: list[int] = []

        def weigh(answer: Response) -> None:
            if "/lab/live/" in answer.url:
                sizes.append(len(answer.body()))

        pages[0].on("response", weigh)
        time.sleep(5)
        before, start, epoch = process.cpu_times(), time.perf_counter(), 11
        while time.perf_counter() - start < WATCH_SECONDS:
            for run in runs:
                worker.train(run, until=epoch, start=epoch)
            worker.ingest()
            epoch += 1
            pages[0].wait_for_timeout(250)
        after, wall = process.cpu_times(), time.perf_counter() - start
        # An answer that arrives while the pages close has no body any more.
        pages[0].remove_listener("response", weigh)
        used = (after.user + after.system - before.user - before.system) / wall
        rows.append(row(f"server processor share with {VIEWERS} viewers", 100 * used, "% of a core"))
        rows.append(row("live tick, largest answer", max(sizes), "bytes"))
        rows.append(row("live tick, median answer", statistics.median(sizes), "bytes"))
    if lock:
        lock.close()
    return rows


def main() -> None:
    rows: list[dict[str, Any]] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=SWITCHES)
        for measure in (first_page_and_rerun, metric_to_screen, viewers):
            with tempfile.TemporaryDirectory() as folder:
                rows += measure(browser, Home(Path(folder)))
        browser.close()
    write_result("web", __doc__ or "", rows)


if __name__ == "__main__":
    main()
