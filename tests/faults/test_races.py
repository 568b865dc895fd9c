"""Cancel against finish, five hundred times: one of the two wins, and index and journal agree on which."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest

from distill_core.access import LOCAL
from distill_core.errors import Conflict
from distill_core.events import WorkerEnded
from distill_core.executors.devices import list_devices
from distill_core.executors.executor import Slot, read_placement
from distill_core.folders import ExperimentFolder, Home
from distill_core.jobs.dispatcher import Dispatcher
from distill_core.jobs.starting import DispatcherStarter
from distill_core.processes import write_stamp
from distill_core.services import Lab
from distill_core.store.store import Store
from tests.faults.settling import settled
from tests.store_samples import small_spec, worker_started, write_events

pytestmark = pytest.mark.faults
RACES = 500


class AtOnce:
    """An executor whose workers have told everything the moment they are started, and are gone."""

    def slots(self) -> list[Slot]:
        return [Slot(found.name, found.name, found.title, found.memory_bytes) for found in list_devices()]

    def start(self, folder: ExperimentFolder) -> None:
        placement = read_placement(folder)
        token = placement.token if placement else ""
        offset = folder.events.stat().st_size if folder.events.exists() else 0
        write_stamp(folder.worker_stamp, attempt=1, events_offset=offset)
        told = worker_started().model_copy(update={"token": token})
        write_events(
            folder.home, folder.path.name, told, WorkerEnded(at=24, outcome="succeeded", token=token)
        )

    def status(self, folder: ExperimentFolder) -> Literal["none", "alive", "gone"]:
        return "gone" if folder.worker_stamp.exists() else "none"

    def end(self, folder: ExperimentFolder, *, force: bool) -> None:
        """It is gone already."""


@pytest.mark.timeout(200)
def test_cancel_against_finish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DispatcherStarter, "ensure", lambda self: None)
    monkeypatch.setattr("distill_core.store.store.write_json", _not_synced)
    home, draw = Home(tmp_path / "home"), random.Random(0)
    lab, store = Lab(home), Store(home)
    dispatcher = Dispatcher(home, store, AtOnce())
    start, over = threading.Barrier(2), threading.Event()
    names: list[str] = []
    refused: list[str] = []

    def user() -> None:
        """Presses Stop at about the moment at which the dispatcher reads of the end."""
        while True:
            start.wait(60)
            if over.is_set():
                return
            time.sleep(draw.uniform(0.0, 0.012))
            with suppress(Conflict):
                lab.acting_as(LOCAL).stop(names[-1])
                refused.append(names[-1])

    presses = threading.Thread(target=user)
    presses.start()
    for number in range(RACES):
        names.append(store.create(small_spec(), experiment_id=f"r{number:03}", created_at=float(number)))
        dispatcher.tick()
        start.wait(60)
        while dispatcher.tick():
            pass
    over.set()
    start.wait(60)
    presses.join()
    lab.store.close()
    ends = Counter(settled(home).values())
    assert sum(ends.values()) == RACES and set(ends) <= {"succeeded", "cancelled"}
    # Both come in time: else these were no races.
    assert 0 < len(refused) < RACES, "one of the two always wins"
    print(ends, len(refused))


def _not_synced(path: Path, data: object) -> None:
    """Half a thousand folders: that they reach the disk is another test's business."""
    import json

    path.write_text(json.dumps(data))
