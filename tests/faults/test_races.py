"""Cancel against finish, five hundred times: one of the two wins, and index and journal agree on which."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest

from distill_core.errors import Conflict
from distill_core.events import WorkerEnded
from distill_core.executors.executor import Slot, read_placement
from distill_core.folders import ExperimentFolder, Home
from distill_core.jobs.dispatcher import Dispatcher
from distill_core.jobs.starting import DispatcherStarter
from distill_core.processes import write_stamp
from distill_core.services import Lab
from distill_core.store.store import Store
from tests.faults.settling import settled
from tests.store_samples import declared, finished, small_spec, worker_started, write_events

pytestmark = pytest.mark.faults
RACES = 500


class AtOnce:
    """An executor whose workers have told everything the moment they are started, and are gone."""

    def slots(self) -> Sequence[Slot]:
        return [Slot("cpu", "cpu", "a processor", 2**30)]

    def start(self, folder: ExperimentFolder) -> None:
        placement = read_placement(folder)
        token = placement.token if placement else ""
        offset = folder.events.stat().st_size if folder.events.exists() else 0
        write_stamp(folder.worker_stamp, attempt=1, events_offset=offset)
        told = worker_started().model_copy(update={"token": token})
        folder.run("r").path.mkdir(parents=True, exist_ok=True)
        folder.run("r").result.write_text('{"state": "finished", "curve": []}')
        write_events(
            folder.home, folder.path.name, told, declared("r"), finished("r"),
            WorkerEnded(at=24, outcome="succeeded", token=token),
        )

    def status(self, folder: ExperimentFolder) -> Literal["none", "alive", "gone"]:
        return "gone" if folder.worker_stamp.exists() else "none"

    def end(self, folder: ExperimentFolder, *, force: bool) -> None:
        """It is gone already."""


@pytest.mark.timeout(200)
def test_cancel_against_finish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DispatcherStarter, "ensure", lambda self: None)
    # Half a thousand folders: that they reach the disk is another test's business.
    monkeypatch.setattr(os, "fsync", lambda file: None)
    home, draw = Home(tmp_path / "home"), random.Random(0)
    lab, store = Lab(home), Store(home)
    dispatcher = Dispatcher(home, store, AtOnce())
    start, over = threading.Barrier(2), threading.Event()
    names: list[str] = []
    accepted: list[str] = []
    # How long the last end took to be read: half of the presses come before it and half after, on any machine.
    lasted = [0.006]

    def user() -> None:
        """Presses Stop at about the moment at which the dispatcher reads of the end."""
        while True:
            start.wait(60)
            if over.is_set():
                return
            time.sleep(draw.uniform(0.0, 2 * lasted[0]))
            with suppress(Conflict):
                lab.stop(names[-1])
                accepted.append(names[-1])

    presses = threading.Thread(target=user)
    presses.start()
    for number in range(RACES):
        names.append(store.create(small_spec(), experiment_id=f"r{number:03}", created_at=float(number)))
        dispatcher.tick()
        start.wait(60)
        began = time.perf_counter()
        while dispatcher.tick():
            pass
        lasted[0] = time.perf_counter() - began
    over.set()
    start.wait(60)
    presses.join()
    lab.store.close()
    ends = Counter(settled(home).values())
    assert sum(ends.values()) == RACES and set(ends) <= {"succeeded", "cancelled"}
    assert 0 < len(accepted) < RACES, "one of the two always wins: these were no races"

