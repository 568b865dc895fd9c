"""Somebody else holds the database: readers go on, writers wait and then do what they came for."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from distill_core.folders import Home
from distill_core.services import Lab
from tests.faults.scene import Scene
from tests.faults.settling import wait_for
from tests.store_samples import small_spec

pytestmark = pytest.mark.faults
HOLDER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
sys.stdin.readline()
connection.execute("ROLLBACK")
"""


@pytest.mark.parametrize("seconds", [3.0, pytest.param(20.0, marks=pytest.mark.slow), pytest.param(
    45.0, marks=pytest.mark.slow)])
def test_a_locked_database_delays_and_loses_nothing(
    scene: Scene, with_catalogue: Callable[[Home], Home], seconds: float
) -> None:
    with_catalogue(scene.home)
    lab = Lab(scene.home)
    lab.catalogue()
    running, waiting = scene.launch("epochs=100 pace=0.01 waits"), scene.launch("epochs=5")
    scene.dispatcher(idle_seconds=2.0)
    wait_for(lambda: scene.look(running) > 0 and scene.state(running) == "running")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(scene.home.database), str(seconds)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )
    assert holder.stdin is not None and holder.stdout is not None and holder.stdout.readline() == "held\n"
    (scene.folder(running).path / "go-on").touch()
    launched: list[str] = []

    def press_start() -> None:
        launched.append(lab.launch(small_spec("epochs=5"), idempotency_key="pressed"))

    press = threading.Thread(target=press_start)
    if seconds <= 15:
        press.start()
    # A reader that waited for the writer would be told in the end that the index is busy.
    for _ in range(10):
        assert lab.store.state(running) == "running"
        scene.look(running)
    assert holder.poll() is None and not launched
    with pytest.raises(sqlite3.OperationalError):
        sqlite3.connect(scene.home.database, timeout=0).execute("BEGIN IMMEDIATE")
    holder.stdin.write("\n")
    holder.stdin.flush()
    # The worker needs no database.
    wait_for(lambda: scene.worker(running) is None, seconds=seconds + 60)
    assert holder.wait(timeout=seconds + 30) == 0
    if seconds <= 15:
        press.join(60)
        assert len(launched) == 1
    ended = scene.end(seconds=120)
    assert ended.pop(running) == ended.pop(waiting) == "succeeded" and set(ended.values()) <= {"succeeded"}
    assert len(ended) == len(launched)
    assert scene.store.experiment(running).row.attempt == 1
