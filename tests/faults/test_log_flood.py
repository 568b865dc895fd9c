"""A worker that prints without end fills no disk: its log keeps what it said last."""

from __future__ import annotations

import os
import threading
import time

import pytest

from distill_core.jobs.log_cap import KEPT_BYTES, LARGEST_BYTES
from distill_core.jobs.log_tail import read_tail
from tests.faults.scene import Scene
from tests.faults.settling import wait_for

pytestmark = pytest.mark.faults
MIB = 2**20
# A flood of text at full speed between two looks; far more than any real log.
SLACK_BYTES = 250 * MIB


def blocks(path: str) -> int:
    """Bytes that the file takes on the disk."""
    return os.stat(path).st_blocks * 512


@pytest.mark.parametrize("megabytes", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_flood_of_text_stays_below_the_cap(scene: Scene, megabytes: int) -> None:
    name = scene.launch(f"epochs=5 floods={megabytes * 200_000}")
    log, over, largest = scene.folder(name).worker_log, threading.Event(), [0]

    def watch() -> None:
        while not over.is_set():
            if log.exists():
                largest[0] = max(largest[0], blocks(str(log)))
            time.sleep(0.01)

    watching = threading.Thread(target=watch)
    watching.start()
    scene.dispatcher()
    try:
        assert scene.end(seconds=200) == {name: "succeeded"}
    finally:
        over.set()
        watching.join()
    assert largest[0] <= min(LARGEST_BYTES + SLACK_BYTES, 0.7 * megabytes * MIB), f"{largest[0] / MIB:.0f} MiB"
    assert blocks(str(log)) <= LARGEST_BYTES + MIB
    tail = read_tail(log, lines=5, most_bytes=KEPT_BYTES)
    assert tail.splitlines()[-1] == "y" * 199, "the newest text is there"


def test_a_log_that_is_not_long_is_left_alone(scene: Scene) -> None:
    name = scene.launch("epochs=3 floods=100000")
    scene.dispatcher()
    scene.end()
    wait_for(lambda: scene.worker(name) is None)
    text = scene.folder(name).worker_log.read_text()
    assert len(text.splitlines()) >= 1500 and "were cut" not in text
