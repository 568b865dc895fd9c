"""What a cluster brings to the queue: GPUs of several machines, nodes that do not tell, a head that is away."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from distill_core.event_log import read_events
from distill_core.events import StateChanged
from distill_core.executors.executor import ExecutorUnavailable, Slot
from distill_core.executors.local import LocalExecutor
from distill_core.folders import ExperimentFolder, Home
from distill_core.jobs.dispatcher import Dispatcher
from distill_core.jobs.placing import Board, CannotBePlaced, Need
from distill_core.store.store import Store
from tests.store_samples import small_spec

FAKE_WORKER = (sys.executable, str(Path(__file__).parents[1] / "faults" / "fake_worker.py"))


def gpu(node: str, index: int, memory_bytes: int = 16 * 10**9) -> Slot:
    return Slot(f"{node}-gpu{index}", "cuda:0", "GPU", memory_bytes, node=node)


def test_processes_of_one_experiment_are_on_one_machine() -> None:
    board = Board([gpu("a", 0), gpu("b", 0), gpu("b", 1)])
    two = Need("cuda", "", 0, 2)
    placed = board.place(two)
    assert not isinstance(placed, str) and [slot.name for slot in placed] == ["b-gpu0", "b-gpu1"]
    board.occupy(["b-gpu1"], 0)
    assert board.place(two) == "Waits for 2 free GPUs.", "one of each machine is not two"
    with pytest.raises(CannotBePlaced, match="processes is 3; allowed: up to 2"):
        board.place(Need("cuda", "", 0, 3))


def test_a_node_that_does_not_tell_its_memory_yet_is_waited_for() -> None:
    small = Need("cuda", "", 8 * 10**9, 1)
    assert Board([gpu("a", 0, memory_bytes=0)]).place(small) == "Waits for 8 GB of a-gpu0."
    with pytest.raises(CannotBePlaced):
        Board([gpu("a", 0, memory_bytes=4 * 10**9)]).place(small)


class AwayTwice(LocalExecutor):
    def __init__(self) -> None:
        super().__init__(command=FAKE_WORKER)
        self.asked = 0

    def start(self, folder: ExperimentFolder) -> None:
        self.asked += 1
        if self.asked <= 2:
            raise ExecutorUnavailable("The head does not answer.")
        super().start(folder)


def test_a_head_that_is_away_for_a_moment_costs_no_attempt(tmp_path: Path) -> None:
    store, executor = Store(Home(tmp_path)), AwayTwice()
    store.create(small_spec("succeeds"), experiment_id="e1", created_at=1.0)
    now = [0.0]
    dispatcher = Dispatcher(store.home, store, executor, monotonic=lambda: now[0])
    for number in (1, 2):
        dispatcher.tick()
        dispatcher.tick()
        assert executor.asked == number, "after a rest, not at every tick"
        now[0] += 3.0
        row = store.experiment("e1").row
        assert (row.state, row.attempt, row.reason) == ("queued", 0, "The head does not answer.")
    dispatcher.tick()
    row = store.experiment("e1").row
    assert (row.state, row.attempt, executor.asked) == ("starting", 1, 3)
    executor.end(store.home.experiment("e1"), force=True)
    journal = read_events(store.home.experiment("e1").journal)
    tokens = [event.token for event, _ in journal if isinstance(event, StateChanged) and event.state == "starting"]
    assert len(set(tokens)) == 3, "each had a lease of its own"
