"""The list of experiments when there are many: time of a script run, and what it sends.

    python -m benchmarks.listing [EXPERIMENTS]

1,000 finished experiments of about 200 points each, a real server, and a session that speaks its websocket protocol.
Server time is from the request to the end of the script run, so the way there and back is in it; bytes are those of all
messages of the page, not compressed, with nothing remembered from before. Must be: under 100 ms and under 1 MB.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.browser_session import BrowserSession, Rerun
from benchmarks.dashboard import dashboard, percentile
from benchmarks.report import write_result
from distill_core.folders import Home
from tests.fixtures import build_finished_experiment, preset_spec

EXPERIMENTS, RERUNS = 1000, 40


def fill(home: Home, number: int) -> int:
    """Makes finished experiments; returns the points of one."""
    spec = preset_spec("digits", seeds=1)
    for place in range(number):
        build_finished_experiment(home, spec=spec, experiment_id=f"bench{place:05}", created_at=1.79e9 + 60 * place)
    events = home.experiment("bench00000").events.read_text(encoding="utf-8")
    return sum('"kind":"epoch"' in line for line in events.splitlines())


def measured(case: str, reruns: list[Rerun]) -> dict[str, Any]:
    seconds = [rerun.seconds for rerun in reruns]
    return {
        "case": case, "reruns": len(reruns), "p50 ms": round(1000 * statistics.median(seconds), 1),
        "p95 ms": round(1000 * percentile(seconds, 0.95), 1),
        "kB": round(max(rerun.size_bytes for rerun in reruns) / 1000, 1),
    }


def main(number: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        begun = time.perf_counter()
        points = fill(home, number)
        print(f"{number} experiments of {points} points each, made in {time.perf_counter() - begun:.0f} s", flush=True)
        rows = []
        with dashboard(home, log=Path(folder) / "server.log") as (url, process):
            opened = BrowserSession(url)
            # The catalogue and the store are opened by whoever comes first.
            opened.open()
            for case, query in (
                ("first page", ""), ("page 30", "page=30"), ("search that fits all", "q=digits"),
                ("search that fits nothing", "q=nothing-like-it"), ("only failed", "state=failed"),
            ):
                session = BrowserSession(url, query=query)
                first = session.open()
                shown = any("better targets" in text for text in session.texts)
                assert shown != (case in ("search that fits nothing", "only failed")), f"{case}: {session.texts[:5]}"
                rows.append(measured(case, [first, *(session.refresh() for _ in range(RERUNS))]))
                session.close()
            opened.close()
            memory = process.memory_info().rss
        here = f"\nHere: {number:,} experiments of {points} points, server memory {memory / 2**20:.0f} MiB."
        write_result("listing", (__doc__ or "") + here, rows)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else EXPERIMENTS)
