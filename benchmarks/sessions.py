"""Many open tabs beside one training: how long their reruns take, what the server's memory does, and what fails.

    python -m benchmarks.sessions [MINUTES]

10 sessions, then 25, speak the websocket protocol with one real server while a worker of its own trains on the same
processor: four of five watch the experiment, one the list. Each does what a tab does: the timers that the page sets,
the poll of the live curves once a second, and the whole page again every 8 to 12 seconds. Time is from the request to
the end of the script run. Memory is the server's resident set; its growth is counted from half a minute after all
tabs are open. Must be: 95 of 100 whole reruns under 500 ms, growth under 50 MB in 10 minutes, no error. Until 22
November 2026 the sessions that watch were led back to the list at every whole rerun, so earlier figures are of the
list.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from websockets.exceptions import WebSocketException

from benchmarks.browser_session import BrowserSession, RunFailed
from benchmarks.dashboard import dashboard, percentile
from benchmarks.report import write_result
from distill_core.executors.local import LocalExecutor
from distill_core.folders import Home
from distill_core.presets import find_preset
from distill_core.services import Lab
from distill_core.spec import ExperimentSpec, parse_spec

SESSIONS, MINUTES, SETTLING_SECONDS = (10, 25), 10.0, 30.0
LONGEST_OPENING_SECONDS = 120.0
# Every so many-th session looks at the list.
EACH_ON_THE_LIST = 5


@dataclass
class Figures:
    """What all sessions saw. Lists are appended to by threads, which Python does whole."""

    whole: list[float] = field(default_factory=list)
    fragments: list[float] = field(default_factory=list)
    polls: list[float] = field(default_factory=list)
    points: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    stolen_seconds: float = 0.0


class Tab(threading.Thread):
    """One open tab until `over`."""

    def __init__(self, number: int, url: str, experiment_id: str, figures: Figures, over: threading.Event) -> None:
        super().__init__(name=f"tab-{number}", daemon=True)
        self._watches = number % EACH_ON_THE_LIST > 0
        self._place = (url, "experiment", f"id={experiment_id}") if self._watches else (url, "", "")
        self._poll_at = f"{url}/lab/live/{experiment_id}?since="
        self._figures, self._over, self._draw, self._cursor = figures, over, random.Random(number), 0

    def run(self) -> None:
        try:
            session = BrowserSession(*self._place)
            self._figures.opened.append(session.open().seconds)
            while not self._over.is_set():
                self._ten_seconds(session)
                if not self._over.is_set():
                    self._figures.whole.append(session.refresh().seconds)
            session.close()
        except (RunFailed, WebSocketException, OSError, ValueError) as error:
            self._figures.errors.append(f"{self.name}: {type(error).__name__}: {error}")

    def _ten_seconds(self, session: BrowserSession) -> None:
        """What the page does by itself until its reader does something."""
        until = time.monotonic() + self._draw.uniform(8.0, 12.0)
        due = {fragment: time.monotonic() + every for fragment, every in session.every.items()}
        poll = time.monotonic() + self._draw.uniform(0.0, 1.0) if self._watches else until
        while (now := time.monotonic()) < until and not self._over.is_set():
            if now >= poll:
                self._poll()
                poll = max(poll + 1.0, time.monotonic())
            for fragment in [fragment for fragment, at in due.items() if now >= at]:
                if fragment in session.every:
                    self._figures.fragments.append(session.refresh_fragment(fragment).seconds)
            due = {fragment: due[fragment] if due.get(fragment, 0.0) > now else time.monotonic() + every
                   for fragment, every in session.every.items()}
            self._over.wait(max(0.0, min([until, poll, *due.values()]) - time.monotonic()))

    def _poll(self) -> None:
        begun = time.perf_counter()
        with urllib.request.urlopen(self._poll_at + str(self._cursor), timeout=30) as answer:
            content = json.load(answer)
        self._cursor = content["cursor"]
        self._figures.polls.append(time.perf_counter() - begun)
        self._figures.points.append(len(content["points"]))


def long_training() -> ExperimentSpec:
    """The digits with so many epochs that it outlives any benchmark."""
    data = find_preset("digits").spec.to_json()
    data["student_training"]["epochs"] = 10_000
    data["student_training"]["patience"] = None
    return parse_spec(data | {"name": "a long training", "seeds": [0]})


def watched(url: str, process: psutil.Process, experiment_id: str, *, seconds: float, sessions: int) -> Figures:
    """Opens the tabs, lets them go on for so long after the settling, and returns what they saw."""
    figures, over = Figures(), threading.Event()
    tabs = [Tab(number, url, experiment_id, figures, over) for number in range(sessions)]
    for tab in tabs:
        tab.start()
        time.sleep(0.3)
    until = time.monotonic() + LONGEST_OPENING_SECONDS
    while len(figures.opened) < sessions and not figures.errors and time.monotonic() < until:
        time.sleep(0.1)
    if len(figures.opened) < sessions:
        figures.errors.append(f"only {len(figures.opened)} of {sessions} tabs opened in time")
    time.sleep(min(SETTLING_SECONDS, seconds))
    end, stolen = time.monotonic() + seconds, stolen_seconds()
    while time.monotonic() < end:
        figures.memory.append(process.memory_info().rss)
        time.sleep(min(5.0, seconds / 4))
    figures.memory.append(process.memory_info().rss)
    figures.stolen_seconds = stolen_seconds() - stolen
    over.set()
    for tab in tabs:
        tab.join(60)
        if tab.is_alive():
            figures.errors.append(f"{tab.name}: hangs")
    return figures


def stolen_seconds() -> float:
    """Time of all cores that the host of a virtual machine gave to others; 0 where the system does not tell."""
    return float(getattr(psutil.cpu_times(), "steal", 0.0))


def errors_in(log: Path) -> list[str]:
    """What the server's log calls an error."""
    words = ("Traceback", "ERROR", "Exception", "error ")
    return [line for line in log.read_text(errors="replace").splitlines() if any(word in line for word in words)]


def row(case: str, value: float, unit: str, must: str = "") -> dict[str, Any]:
    return {"sessions": 0, "case": case, "value": round(value, 1), "unit": unit, "must be": must}


def rows_of(figures: Figures, *, sessions: int, epochs: int, load: float, seconds: float) -> list[dict[str, Any]]:
    mebi, cores_seconds = 2**20, seconds * (os.cpu_count() or 1)
    growth = (max(figures.memory[len(figures.memory) // 2 :]) - figures.memory[0]) / mebi

    def times(case: str, values: Sequence[float], must: str = "") -> list[dict[str, Any]]:
        return [
            row(f"{case}, median of {len(values):,}", 1000 * statistics.median(values), "ms"),
            row(f"{case}, 95th percentile", 1000 * percentile(values, 0.95), "ms", must),
        ]

    rows = [
        *times("whole rerun", figures.whole, "under 500"),
        *times("timed part of a page", figures.fragments),
        *times("poll of the live curves", figures.polls),
        row("first opening, slowest", 1000 * max(figures.opened), "ms"),
        row("server memory after settling", figures.memory[0] / mebi, "MiB"),
        row(f"largest growth in {seconds / 60:.0f} minutes", growth, "MiB", "under 50"),
        row("errors of sessions and in the server's log", len(figures.errors), "", "0"),
        row("epochs trained meanwhile", epochs, ""),
        row("points read by the tabs", sum(figures.points), ""),
        row("load of the machine, mean of 15 minutes, at the end", load, "processes"),
        row("time of the cores that the host gave to others", 100 * figures.stolen_seconds / cores_seconds, "%"),
    ]
    return [one | {"sessions": sessions} for one in rows]


def measured(folder: Path, *, sessions: int, minutes: float) -> tuple[list[dict[str, Any]], list[str]]:
    """A home, a training and a server of its own; the rows, and what went wrong."""
    home, log = Home(folder / "home"), folder / "server.log"
    lab = Lab(home, idle_seconds=5.0)
    with dashboard(home, log=log) as (url, process):
        experiment_id = lab.launch(long_training())
        while lab.store.state(experiment_id) != "running" or not lab.live(experiment_id, 0)["points"]:
            time.sleep(0.2)
        try:
            figures = watched(url, process, experiment_id, seconds=60 * minutes, sessions=sessions)
            trained = lab.store.state(experiment_id) == "running"
        finally:
            LocalExecutor().end(home.experiment(experiment_id), force=False)
            while lab.store.state(experiment_id) in ("running", "stopping", "starting"):
                time.sleep(0.2)
    if not trained:
        figures.errors.append("the training ended before the benchmark did")
    figures.errors += errors_in(log)
    epochs = sum('"kind":"epoch"' in line for line in home.experiment(experiment_id).events.open())
    rows = rows_of(figures, sessions=sessions, epochs=epochs, load=os.getloadavg()[2], seconds=60 * minutes)
    return rows, figures.errors


def main(minutes: float) -> int:
    rows: list[dict[str, Any]] = []
    errors: list[str] = []
    for sessions in SESSIONS:
        with tempfile.TemporaryDirectory() as folder:
            some, wrong = measured(Path(folder), sessions=sessions, minutes=minutes)
        rows += some
        errors += wrong
    print("\n".join(errors[:20]), file=sys.stderr)
    write_result("sessions", __doc__ or "", rows)
    return len(errors) > 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES))
