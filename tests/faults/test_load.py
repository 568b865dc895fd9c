"""Many at once: 200 launches from several processes and threads, and 1,000 experiments with 200 points each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from distill_core.folders import Home
from distill_core.jobs.dispatcher import Dispatcher
from distill_core.processes import hold
from distill_core.services import Lab
from distill_core.store.store import Store
from tests.faults.settling import settled
from tests.faults.test_races import AtOnce
from tests.fixtures import build_finished_experiment, preset_spec
from tests.store_samples import small_spec

pytestmark = pytest.mark.faults
PROCESSES, THREADS, EACH = 2, 5, 20
LAUNCHER = """
import json, sys, threading
from pathlib import Path
from distill_core.folders import Home
from distill_core.services import Lab
from distill_core.spec import parse_spec
lab, spec, made = Lab(Home(Path(sys.argv[1]))), parse_spec(json.loads(sys.argv[2])), []
lab.catalogue()
def launch():
    for _ in range(int(sys.argv[4])):
        made.append(lab.launch(spec))
threads = [threading.Thread(target=launch) for _ in range(int(sys.argv[3]))]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(made))
"""


@pytest.mark.timeout(200)
def test_two_hundred_launches_at_once_all_run_to_their_end(
    tmp_path: Path, with_catalogue: Callable[[Home], Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The launchers wait for the disk; what follows would only wait as much again.
    monkeypatch.setattr(os, "fsync", lambda file: None)
    home = with_catalogue(Home(tmp_path / "home"))
    dispatching = hold(home.dispatcher_lock)
    assert dispatching is not None
    launchers = [
        subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, str(home.path), json.dumps(small_spec().to_json()), str(THREADS),
             str(EACH)],
            stdout=subprocess.PIPE, text=True,
        )
        for _ in range(PROCESSES)
    ]
    made = [name for launcher in launchers for name in json.loads(launcher.communicate(timeout=120)[0])]
    assert len(set(made)) == PROCESSES * THREADS * EACH == 200
    store = Store(home)
    assert store.counts() == {"queued": 200}
    waiting = [row.experiment_id for row in store.in_states({"queued"})]
    dispatcher = Dispatcher(home, store, AtOnce())
    until = time.monotonic() + 120
    while dispatcher.tick():
        assert time.monotonic() < until, store.counts()
    begun = sorted(waiting, key=lambda name: store.experiment(name).row.started_at or 0.0)
    assert begun == waiting, "first come, first served"
    dispatching.close()
    assert settled(home) == dict.fromkeys(sorted(made), "succeeded")


@pytest.mark.parametrize("number", [50, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_many_experiments_with_two_hundred_points_each_are_there_and_quick_to_list(tmp_path: Path, number: int) -> None:
    home, spec = Home(tmp_path), preset_spec("digits", seeds=1)
    names = [
        build_finished_experiment(home, spec=spec, experiment_id=f"many{place:04}", created_at=1.79e9 + place)
        for place in range(number)
    ]
    lab = Lab(home)
    durations = []
    for _ in range(5):
        began = time.perf_counter()
        assert lab.count() == number
        assert [row.experiment_id for row in lab.experiments(limit=15)] == names[:-16:-1]
        durations.append(time.perf_counter() - began)
    assert min(durations) < 0.1, durations
    for name in (names[0], names[-1]):
        points = lab.live(name, 0)["points"]
        assert len(points) >= 200 and len({(run, epoch) for run, epoch, *_ in points}) == len(points)
    lab.store.close()
    if number <= 50:
        assert set(_ended(home).values()) == {"succeeded"}


def _ended(home: Home) -> dict[str, str]:
    """Every state from a rebuilt index: it must be the one that was there."""
    store = Store(home)
    before = {row.experiment_id: row for row in store.experiments(limit=2000)}
    assert store.reindex() == (len(before), [])
    after = {row.experiment_id: row for row in store.experiments(limit=2000)}
    store.close()
    assert after == before
    return {name: row.state for name, row in after.items()}
