"""What must hold after every fault: no number lost, one end each, nobody left behind, nothing locked."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable

import psutil

from distill_core.event_log import read_lines
from distill_core.events import EpochEnded, RunFinished, State, StateChanged, WorkerStarted
from distill_core.folders import ExperimentFolder, Home, read_json
from distill_core.processes import is_held
from distill_core.store.store import Store
from distill_core.store.transitions import ENDED

Point = tuple[str, int, float]
"""Run, epoch and training loss: what a reader of the curves has seen."""
# An exporter has the lowest priority there is: on a busy machine it ends when the others let it.
_LONGEST_SECONDS = 180.0
ALL_POINTS = 1_000_000


def wait_for(
    what: Callable[[], object], *, seconds: float = 180, why: Callable[[], object] = lambda: "waited in vain"
) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, why()
        time.sleep(0.02)


def seen(store: Store, experiment_id: str) -> set[Point]:
    """The points that the index has acknowledged by now."""
    points, _ = store.live_points(experiment_id, limit=ALL_POINTS)
    return {(run, number, loss) for run, number, loss, *_ in points}


def settled(home: Home, acknowledged: dict[str, set[Point]] | None = None) -> dict[str, State]:
    """Asserts it of a home whose dispatchers have been told to leave, or will; returns how each experiment ended.

    `acknowledged`: what readers had seen before or between the faults, by experiment.
    """
    store = Store(home)
    try:
        ended = {path.name: _ended(store, ExperimentFolder(path)) for path in sorted(home.experiments.glob("*"))}
        for experiment_id, points in (acknowledged or {}).items():
            assert points <= seen(store, experiment_id), "a number that somebody saw is gone"
    finally:
        store.close()
    _assert_nobody_left(home)
    locks = [home.dispatcher_lock, home.processor_lock, home.measuring_lock, home.database_lock]
    for lock in [*locks, *(ExperimentFolder(path).worker_lock for path in home.experiments.glob("*"))]:
        assert not is_held(lock), f"{lock.name} is still held"
    return ended


def _ended(store: Store, folder: ExperimentFolder) -> State:
    name = folder.path.name
    changes = [event for event, _ in read_lines(folder.journal, offset=0) if isinstance(event, StateChanged)]
    row = store.experiment(name).row
    assert row.state in ENDED, f"{name} is {row.state}"
    assert changes[-1].state == row.state, f"{name}: the journal says {changes[-1].state}, the index {row.state}"
    last_queued = max(place for place, change in enumerate(changes) if change.state == "queued")
    ends = [change.state for change in changes[last_queued:] if change.state in ENDED]
    assert len(ends) == 1, f"{name} ended as {ends}"
    _assert_nothing_lost(store, folder)
    return row.state


def _assert_nothing_lost(store: Store, folder: ExperimentFolder) -> None:
    """All that workers told is in the index, and of finished runs in their files."""
    name = folder.path.name
    told = [event for event, _ in read_lines(folder.events, offset=0) if event is not None]
    epochs = {(event.run_id, event.epoch): event.train_loss for event in told if isinstance(event, EpochEnded)}
    assert {(run, number): loss for run, number, loss in seen(store, name)} == epochs, f"{name}: points differ"
    rows = {run.run_id: run for run in store.experiment(name).runs}
    for run_id, event in {event.run_id: event for event in told if isinstance(event, RunFinished)}.items():
        assert rows[run_id].state == event.state and rows[run_id].accuracy == event.accuracy
        result = read_json(folder.run(run_id).result)
        assert result["state"] == event.state
        curve = {(point["run_id"], point["epoch"]): point["train_loss"] for point in result["curve"]}
        assert curve == {key: loss for key, loss in epochs.items() if key[0] == run_id}


def _assert_nobody_left(home: Home) -> None:
    """No process of this home, and of no worker's session; those who are about to leave get a moment."""
    left: list[str] = []

    def nobody() -> bool:
        left[:] = [f"{process.pid} {process.info}" for process in processes_of(home)]
        return not left

    until = time.monotonic() + _LONGEST_SECONDS
    # Seldom: each look reads of every process, and would keep the processor from who is about to leave.
    while not nobody() and time.monotonic() < until:
        time.sleep(0.25)
    assert not left, left


def processes_of(home: Home) -> Iterable[psutil.Process]:
    """Living processes and zombies: named by the home's path, told of in its folders, or started by one of those."""
    workers, dispatchers = told_pids(home)
    mine, place = os.getpid(), str(home.path)
    for process in psutil.process_iter(["cmdline", "status", "ppid"]):
        words, status = process.info["cmdline"] or [], process.info["status"]
        named = any(word == place or word.startswith(f"{place}/") for word in words)
        zombie = status == psutil.STATUS_ZOMBIE and process.info["ppid"] == mine
        told = process.pid in workers | dispatchers and zombie
        try:
            of_worker = os.getsid(process.pid) in workers
        except (ProcessLookupError, PermissionError):
            of_worker = False
        if process.pid != mine and (named or told or of_worker):
            yield process


def told_pids(home: Home) -> tuple[set[int], set[int]]:
    """Pids of all workers and dispatchers that there ever were."""
    workers: set[int] = set()
    for path in home.experiments.glob("*"):
        events = read_lines(ExperimentFolder(path).events, offset=0)
        workers |= {event.pid for event, _ in events if isinstance(event, WorkerStarted)}
    log = home.dispatcher_log.read_text() if home.dispatcher_log.exists() else ""
    return workers, {int(line.rpartition(" ")[2]) for line in log.splitlines() if "begins, pid" in line}
