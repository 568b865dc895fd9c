"""What the live curves cost on the wire: a student alone and 25 distilled ones, 200 epochs, figures full of noise.

    python -m benchmarks.live_tick

One answer has everything that the charts of accuracy, NLL, training loss and shares draw, so that changing between them
asks for nothing. Bytes are those of the body as it is sent, compressed as a browser asks for it; time is from the
request to the whole body, the median of many, on the same machine. Must be: a tick under 60 kB; so is each answer of a
late visitor, which brings thousands of points. Shares of the terms are sent only to whoever looks at them.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.dashboard import dashboard
from benchmarks.report import write_result
from distill_core.events import EpochEnded
from distill_core.folders import Home
from distill_core.processes import hold
from tests.fixtures import FakeRun, FakeWorker
from tests.map_samples import create_map_experiment

EPOCHS, REPEATS, MOST_BYTES = 200, 9, 60_000


def train(worker: FakeWorker, run: FakeRun, noise: random.Random, *, epochs: range) -> None:
    """Epochs whose every digit is noise, as those of a real training are, or they would pack too well."""
    for epoch in epochs:
        weighted = {name: weight * noise.lognormvariate(-1, 0.3) for name, weight in run.terms.items()}
        measured = epoch % 5 == 1 and len(weighted) > 1
        worker.emit(EpochEnded(
            at=worker.at, run_id=run.run_id, epoch=epoch, step=25 * epoch, learning_rate=0.01,
            train_loss=sum(weighted.values()), validation_accuracy=noise.uniform(0.8, 0.97),
            validation_nll=noise.lognormvariate(-1, 0.3), raw_terms=weighted, weighted_terms=weighted,
            raw_kl=noise.random(), best=noise.random() < 0.1,
            gradient_norms={name: noise.random() for name in weighted} if measured else {},
        ))


def asked(url: str) -> tuple[bytes, bytes, float]:
    """(as sent, unpacked, seconds)."""
    begun = time.perf_counter()
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})) as answer:
        body = answer.read()
        plain = gzip.decompress(body) if answer.headers.get("Content-Encoding") == "gzip" else body
    return body, plain, time.perf_counter() - begun


def measured(case: str, url: str, *, must: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    """A row, and what the answer said; asked slowly enough that no answer is a remembered one."""
    times = []
    for _ in range(REPEATS):
        body, plain, seconds = asked(url)
        times.append(seconds)
        time.sleep(0.12)
    content = json.loads(plain)
    return {
        "case": case, "points": len(content["points"]), "bytes sent": len(body), "unpacked": len(plain),
        "ms": round(1000 * statistics.median(times), 1), "must be": must,
    }, content


def main() -> int:
    noise, must = random.Random(7), f"under {MOST_BYTES:,} bytes"
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        # A dispatcher would notice that nobody works on this experiment.
        lock = hold(home.dispatcher_lock)
        worker = create_map_experiment(home, seeds=1, epochs=EPOCHS)
        worker.begin()
        students = [run for run in worker.runs if run.role != "teacher"]
        for epoch in range(1, EPOCHS):
            for run in students:
                train(worker, run, noise, epochs=range(epoch, epoch + 1))
        worker.ingest()
        with dashboard(home, log=Path(folder) / "server.log") as (url, _):
            live = f"{url}/lab/live/{worker.experiment_id}"
            asked(f"{live}?since=0")
            late = f"a late visitor, {EPOCHS - 1} epochs of {len(students)} curves"
            first, content = measured(late, f"{live}?since=0", must=must)
            shares, _told = measured("the same with the shares of the terms", f"{live}?since=0&shares=1", must=must)
            rest, content = measured("what is left of it", f"{live}?since={content['cursor']}", must=must)
            for run in students:
                train(worker, run, noise, epochs=range(EPOCHS, EPOCHS + 1))
            worker.ingest()
            cursor = content["cursor"]
            tick, content = measured("a tick, one epoch of all curves", f"{live}?since={cursor}", must=must)
            runs, _told = measured("the same with names, looks and choice of the runs", f"{live}?since={cursor}&runs=1",
                                   must=must)
            quiet, _told = measured("a tick without news", f"{live}?since={content['cursor']}")
        if lock:
            lock.close()
    rows = [tick, runs, quiet, first, rest, shares]
    here = f"\nLoad of the machine at the end: {os.getloadavg()[0]:.1f} processes; times are shorter without it."
    write_result("live_tick", (__doc__ or "") + here, rows)
    return int(any(row["must be"] and row["bytes sent"] >= MOST_BYTES for row in rows))


if __name__ == "__main__":
    sys.exit(main())
