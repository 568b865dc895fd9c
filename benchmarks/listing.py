"""The list of experiments as it grows: time of a script run, and what it sends.

    python -m benchmarks.listing [EXPERIMENTS ...]

Finished experiments of about 200 points each, a real server, and a session that speaks its websocket protocol. Server
time is from the request to the end of the script run, so the way there and back is in it; bytes are those of all
messages of the page, not compressed, with nothing remembered from before. Beyond 1,000 the index has copies of the
first ones' rows, which have no folders: the list reads the index alone. Must be: under 100 ms and under 1 MB at 1,000.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.browser_session import BrowserSession, Rerun
from benchmarks.dashboard import dashboard, percentile
from benchmarks.report import write_result
from distill_core.folders import Home
from tests.fixtures import build_finished_experiment, preset_spec

SIZES, RERUNS, MOST_BUILT = (10, 100, 1000, 10_000), 40, 1000


def fill(home: Home, number: int, *, have: int) -> int:
    """Makes finished experiments beside those that are there; returns the points of one."""
    spec = preset_spec("digits", seeds=1)
    for place in range(have, min(number, MOST_BUILT)):
        build_finished_experiment(home, spec=spec, experiment_id=f"bench{place:05}", created_at=1.79e9 + 60 * place)
    have = max(have, MOST_BUILT)
    if number > have:
        copy_rows(home.database, number=number, have=have)
    events = home.experiment("bench00000").events.read_text(encoding="utf-8")
    return sum('"kind":"epoch"' in line for line in events.splitlines())


def copy_rows(database: Path, *, number: int, have: int) -> None:
    """Every row of the index again under other ids, until there are so many experiments."""
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for copy in range(1, -(-number // have)):
            for table in tables:
                about = list(connection.execute(f"PRAGMA table_info({table})"))
                # A key of one whole number is given anew by the database.
                given = {name for _, name, kind, _, _, key in about if key == 1 and "INT" in kind.upper()
                         and sum(bool(one[5]) for one in about) == 1}
                names = [name for _, name, *_ in about if name not in given]
                if "experiment_id" not in names:
                    continue
                told = {"experiment_id": f"'copy{copy:03}-' || experiment_id", "created_at": f"created_at - {copy}e6",
                        "idempotency_key": "NULL"}
                connection.execute(
                    f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(told.get(one, one) for one in names)}"
                    f" FROM {table} WHERE experiment_id LIKE 'bench%'"
                )


def measured(case: str, reruns: list[Rerun]) -> dict[str, Any]:
    seconds = [rerun.seconds for rerun in reruns]
    return {
        "case": case, "reruns": len(reruns), "p50 ms": round(1000 * statistics.median(seconds), 1),
        "p95 ms": round(1000 * percentile(seconds, 0.95), 1),
        "kB": round(max(rerun.size_bytes for rerun in reruns) / 1000, 1),
    }


def measured_at(home: Home, number: int, log: Path) -> list[dict[str, Any]]:
    """The cases of a list of so many, with a server of its own."""
    rows = []
    with dashboard(home, log=log) as (url, process):
        opened = BrowserSession(url)
        # The catalogue and the store are opened by whoever comes first.
        opened.open()
        last = max(1, number // 20 * 3 // 5)
        for case, query in (
            ("first page", ""), (f"page {last}", f"page={last}"), ("search that fits all", "q=digits"),
            ("search that fits nothing", "q=nothing-like-it"), ("only failed", "state=failed"),
        ):
            session = BrowserSession(url, query=query)
            first = session.open()
            shown = any("better targets" in text for text in session.texts)
            assert shown != (case in ("search that fits nothing", "only failed")), f"{case}: {session.texts[:5]}"
            rows.append({"experiments": number} | measured(case, [first, *(session.refresh() for _ in range(RERUNS))]))
            session.close()
        opened.close()
        memory = process.memory_info().rss
    return [row | {"server MiB": round(memory / 2**20)} for row in rows]


def main(sizes: tuple[int, ...]) -> None:
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        home, have, points = Home(Path(folder) / "home"), 0, 0
        for number in sorted(sizes):
            assert number <= MOST_BUILT or number % MOST_BUILT == 0, f"copies come by {MOST_BUILT:,}"
            begun = time.perf_counter()
            points, have = fill(home, number, have=have), number
            print(f"{number} experiments of {points} points, made in {time.perf_counter() - begun:.0f} s", flush=True)
            rows += measured_at(home, number, Path(folder) / "server.log")
    here = f"\nHere: {points} points an experiment; load of the machine at the end {os.getloadavg()[0]:.1f} processes."
    write_result("listing", (__doc__ or "") + here, rows)


if __name__ == "__main__":
    main(tuple(int(one) for one in sys.argv[1:]) or SIZES)
