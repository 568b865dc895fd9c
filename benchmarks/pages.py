"""How soon the main pages can be used: of an experiment of 26 students, 5 seeds and 20 epochs, of a sweep of 25 cells.

    python -m benchmarks.pages

In headless Chromium: "first paint" is what the browser tells of it, "usable" is when the page's script has ended and
its heading is there. "cold" is the first page of a server that has just started, with an empty browser cache; "warm"
is the median of visits with a filled cache. Server time is from the request to the end of a script run over the
websocket, "again" after a click, with the bytes of its messages, not compressed.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from benchmarks.browser_session import BrowserSession
from benchmarks.dashboard import dashboard
from benchmarks.report import write_result
from distill_core.folders import Home
from distill_core.services import Lab
from tests.map_samples import build_map_experiment
from tests.sweep_samples import SweepLab
from tests.told_sweeps import map_spec

VISITS, RERUNS = 5, 9
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
ENDED = "() => document.querySelector('[data-test-script-state=notRunning]') && document.querySelector('h1')"


def visited(context: BrowserContext, address: str) -> tuple[float, float]:
    """Milliseconds to the first paint and until the page can be used."""
    page, begun = context.new_page(), time.perf_counter()
    page.goto(address)
    page.wait_for_function(ENDED, timeout=120_000)
    usable = 1000 * (time.perf_counter() - begun)
    page.wait_for_function(FIRST_PAINT)
    painted = float(page.evaluate(FIRST_PAINT))
    page.close()
    return painted, usable


def cold(browser: Browser, home: Home, folder: Path, name: str, path: str) -> dict[str, Any]:
    """A server and a browser that have never shown anything."""
    with dashboard(home, log=folder / "server.log") as (url, _):
        context = browser.new_context()
        painted, usable = visited(context, f"{url}/{path}")
        context.close()
    return {"page": name, "cold: first paint ms": round(painted), "cold: usable ms": round(usable)}


def warm(browser: Browser, url: str, path: str) -> dict[str, Any]:
    context = browser.new_context()
    visited(context, f"{url}/{path}")
    visits = [visited(context, f"{url}/{path}") for _ in range(VISITS)]
    context.close()
    place, _, query = path.partition("?")
    session = BrowserSession(url, place, query)
    first, again = session.open(), [session.refresh() for _ in range(RERUNS)]
    session.close()
    return {
        "warm: first paint ms": round(statistics.median(painted for painted, _ in visits)),
        "warm: usable ms": round(statistics.median(usable for _, usable in visits)),
        "server: opened ms": round(1000 * first.seconds),
        "server: again ms": round(1000 * statistics.median(one.seconds for one in again)),
        "kB": round(again[-1].size_bytes / 1000, 1),
    }


def swept(home: Home) -> str:
    """A finished sweep of 25 cells and 5 seeds."""
    played = SweepLab(home, Lab(home).catalogue())
    sweep_id = played.launch(map_spec().to_json())
    played.play(sweep_id)
    return sweep_id


def main() -> None:
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        home = Home(folder / "home")
        many = build_map_experiment(home)
        # Described once a version of the code, by a process that loads torch: no part of any page.
        Lab(home).catalogue()
        sweep = swept(home)
        pages = {
            "experiments": "", "experiment, 26 students": f"experiment?id={many}", "compare": f"compare?ids={many}",
            "evidence": f"evidence?id={many}", "report": f"report?id={many}", "compress": f"compress?from={many}",
            "new experiment": "new", "same as 26 students": f"new?from={many}", "sweep, 25 cells": f"sweep?id={sweep}",
            "new sweep": "new-sweep", "sweeps": "sweeps", "queue": "queue", "lessons": "learn",
        }
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=SWITCHES)
        rows = [cold(browser, home, folder, title, path) for title, path in pages.items()]
        with dashboard(home, log=folder / "server.log") as (url, _):
            rows = [row | warm(browser, url, pages[row["page"]]) for row in rows]
        browser.close()
    here = f"\nLoad of the machine at the end: {os.getloadavg()[0]:.1f} processes."
    write_result("pages", (__doc__ or "") + here, rows)


if __name__ == "__main__":
    main()
