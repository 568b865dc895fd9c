"""The dispatcher brings every experiment to an end, whoever is killed on the way."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from distill_core.event_log import read_events
from distill_core.events import State, StateChanged
from distill_core.executors.local import LocalExecutor
from distill_core.folders import ExperimentFolder, Home, read_json, write_json
from distill_core.jobs.dispatcher import Dispatcher
from distill_core.processes import is_held, read_stamp
from distill_core.rows import ExperimentView
from distill_core.store import records
from distill_core.store.requests import write_export_request
from distill_core.store.store import Store
from distill_core.store.transitions import ENDED
from tests.store_samples import declared, finished, small_spec, write_events

pytestmark = pytest.mark.faults
FAKE_WORKER = Path(__file__).with_name("fake_worker.py")
FAKE_DISPATCHER = Path(__file__).with_name("fake_dispatcher.py")


class Bench:
    """A home with a dispatcher that is turned by hand and starts fake workers."""

    def __init__(self, home: Home, **options: float) -> None:
        self.home, self.store = home, Store(home)
        # Nobody waits in tests that are not about waiting.
        options = {"pause_seconds": 0.0} | options
        self.executor = LocalExecutor(command=(sys.executable, str(FAKE_WORKER)))
        self.dispatcher = Dispatcher(home, self.store, self.executor, **options)
        self.names: list[str] = []

    def launch(self, behaviour: str) -> str:
        name = f"{behaviour}-{len(self.names)}"
        self.names.append(self.store.create(small_spec(behaviour), experiment_id=name, created_at=time.time()))
        return name

    def folder(self, name: str) -> ExperimentFolder:
        return self.home.experiment(name)

    def turn_until(self, done: Callable[[], bool], *, seconds: float = 120) -> None:
        wait_for(lambda: (self.dispatcher.tick(), done())[1], seconds=seconds)

    def end_of(self, name: str) -> ExperimentView:
        self.turn_until(lambda: self.store.state(name) in ENDED)
        return self.store.experiment(name)

    def states(self, name: str) -> list[str]:
        """Every state from the journal."""
        return [event.state for event, _ in read_events(self.folder(name).journal) if isinstance(event, StateChanged)]


def wait_for(what: Callable[[], bool], *, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    benches: list[Bench] = []

    def make(**options: float) -> Bench:
        benches.append(Bench(Home(tmp_path), **options))
        return benches[-1]

    yield make
    for folder in Home(tmp_path).experiments.glob("*"):
        LocalExecutor().end(ExperimentFolder(folder), force=True)


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


@pytest.fixture
def dispatcher_process(tmp_path: Path) -> Iterator[Callable[[float], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(idle_seconds: float = 60.0) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, str(FAKE_DISPATCHER), str(tmp_path), str(idle_seconds)]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def pid_of(folder: ExperimentFolder) -> int:
    stamp = read_stamp(folder.worker_stamp)
    assert stamp is not None
    return stamp.pid


def test_success(bench: Bench) -> None:
    name = bench.launch("succeeds")
    view = bench.end_of(name)
    assert bench.states(name) == ["queued", "starting", "running", "succeeded"]
    assert view.runs[0].state == "finished" and view.row.attempt == 1
    assert view.row.busy_seconds > 0 and view.worker is not None
    # Until its worker has left there is something to look after.
    wait_for(lambda: bench.dispatcher.tick() is False)


def test_failure_tells_the_worker_s_own_reason(bench: Bench) -> None:
    view = bench.end_of(bench.launch("fails"))
    assert (view.row.state, view.row.reason) == ("failed", "The data are not there.")


def test_a_killed_worker_goes_on_by_itself(bench: Bench) -> None:
    name = bench.launch("dies-once")
    view = bench.end_of(name)
    assert bench.states(name) == [
        "queued", "starting", "running", "lost", "queued", "starting", "running", "succeeded"
    ]
    assert view.row.attempt == 2
    assert any("without a last word" in note.text for note in view.notes)
    # Each attempt told one epoch; the half line between them harmed neither.
    assert [epoch for _, epoch, *_ in bench.store.live_points(name)[0]] == [1, 2]


def test_a_worker_killed_from_outside_in_the_middle_goes_on(bench: Bench) -> None:
    name = bench.launch("works-until-told")
    bench.turn_until(lambda: bench.store.state(name) == "running")
    os.kill(pid_of(bench.folder(name)), signal.SIGKILL)
    bench.turn_until(lambda: bench.store.experiment(name).row.attempt == 2)
    (bench.folder(name).path / "go-on").touch()
    assert bench.end_of(name).row.state == "succeeded"


def test_three_losses_are_enough(bench: Bench) -> None:
    name = bench.launch("dies")
    view = bench.end_of(name)
    assert bench.states(name).count("starting") == 3
    assert view.row.state == "failed" and "lost 3 times" in view.row.reason
    # Resuming counts anew.
    bench.store.transition(name, expected={"failed"}, to="queued", at=time.time(), attempt=0)
    assert bench.end_of(name).row.attempt == 3 and bench.states(name).count("starting") == 6


def test_stopping_keeps_what_the_worker_tells_last(bench: Bench) -> None:
    name = bench.launch("waits")
    bench.turn_until(lambda: bench.store.state(name) == "running")
    bench.store.transition(name, expected={"running"}, to="stopping", at=time.time())
    view = bench.end_of(name)
    assert (view.row.state, view.row.reason, view.runs[0].state) == ("cancelled", "Stopped.", "stopped")
    assert bench.folder(name).stop_request.exists()
    # Resumed, it is not stopped again by the old request.
    bench.store.transition(name, expected={"cancelled"}, to="queued", at=time.time(), attempt=0)
    bench.turn_until(lambda: bench.store.state(name) == "running")
    assert not bench.folder(name).stop_request.exists()


@pytest.mark.parametrize("before", ["succeeded", "failed", "cancelled"])
@pytest.mark.parametrize(
    ("behaviour", "trouble"),
    [
        ("succeeds", ""),
        ("fails", "The export failed: The data are not there."),
        ("waits", "The export was stopped before its end; ask for it again to have it."),
        ("dies", "The export failed: The worker was lost 1 time"),
    ],
)
def test_an_export_ends_as_the_experiment_had_ended(
    make_bench: Callable[..., Bench], behaviour: str, trouble: str, before: State
) -> None:
    bench = make_bench(most_attempts=1)
    name = bench.launch(behaviour)
    for state in ("starting", "running", before):
        bench.store.transition(name, expected=("queued", "starting", "running"), to=state, at=time.time(), reason="why")
    bench.store.transition(
        name, expected={before}, to="queued", at=time.time(), attempt=0,
        prepare=lambda: write_export_request(bench.folder(name), "r", state=before, reason="why"),
    )
    if behaviour == "waits":
        bench.turn_until(lambda: bench.store.state(name) == "running")
        bench.store.transition(name, expected={"running"}, to="stopping", at=time.time())
    view = bench.end_of(name)
    assert (view.row.state, view.row.reason) == (before, "why")
    told = [note.text for note in view.notes if note.text.startswith("The export")]
    assert len(told) == bool(trouble) and "".join(told).startswith(trouble)
    bench.store.reindex()
    assert bench.store.experiment(name) == view
    wait_for(lambda: bench.dispatcher.tick() is False)


def test_who_does_not_stop_is_killed_after_the_grace(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(grace_seconds=0.5)
    name = bench.launch("stubborn")
    child = bench.folder(name).path / "child.pid"
    bench.turn_until(lambda: bench.store.state(name) == "running" and child.exists())
    began = time.monotonic()
    bench.store.transition(name, expected={"running"}, to="stopping", at=time.time())
    view = bench.end_of(name)
    assert time.monotonic() - began >= 0.5
    assert view.row.state == "cancelled" and "last checkpoint" in view.row.reason
    assert bench.executor.status(bench.folder(name)) == "gone"


def test_a_stop_while_starting(bench: Bench) -> None:
    name = bench.launch("waits")
    bench.turn_until(lambda: bench.store.state(name) == "starting")
    bench.store.transition(name, expected={"starting"}, to="stopping", at=time.time())
    assert bench.end_of(name).row.state == "cancelled"


def test_one_at_a_time_on_a_device_and_first_come_first_served(bench: Bench) -> None:
    first, second = bench.launch("works-until-told"), bench.launch("succeeds")
    bench.turn_until(lambda: bench.store.state(first) == "running")
    for _ in range(5):
        bench.dispatcher.tick()
    assert bench.store.state(second) == "queued"
    (bench.folder(first).path / "go-on").touch()
    assert bench.end_of(second).row.state == "succeeded"
    ended, started = bench.store.experiment(first).row.finished_at, bench.store.experiment(second).row.started_at
    assert ended is not None and started is not None and ended <= started


def test_finished_runs_of_others_are_offered_for_reuse(bench: Bench) -> None:
    bench.store.create(small_spec(), experiment_id="older", created_at=1.0)
    bench.store.transition("older", expected={"queued"}, to="cancelled", at=2.0)
    write_events(bench.home, "older", declared("done"), declared("gone"), finished("done"), finished("gone"))
    bench.store.ingest("older")
    done = bench.home.experiment("older").run("done")
    write_json(done.result, {})
    name = bench.launch("succeeds")
    bench.end_of(name)
    assert read_json(bench.folder(name).reuse) == {"done": str(done.path)}


def test_a_worker_that_never_stamps_is_given_up(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(stamp_seconds=0.2, most_attempts=1)
    name = bench.launch("never-stamps")
    bench.dispatcher.tick()
    # A new dispatcher does not know the child, and finds no stamp.
    successor = make_bench(stamp_seconds=0.2, most_attempts=1)
    successor.turn_until(lambda: successor.store.state(name) == "failed")
    bench.executor.end(bench.folder(name), force=True)


def test_a_command_that_cannot_be_started_fails_with_its_reason(bench: Bench, tmp_path: Path) -> None:
    name = bench.launch("succeeds")
    broken = LocalExecutor(command=(str(tmp_path / "no-such-program"),))
    Dispatcher(bench.home, bench.store, broken).tick()
    row = bench.store.experiment(name).row
    assert row.state == "failed" and "no-such-program" in row.reason


def test_damaged_folders_fail_and_the_others_go_on(bench: Bench) -> None:
    no_spec, no_journal, good = bench.launch("succeeds"), bench.launch("succeeds"), bench.launch("succeeds")
    bench.folder(no_spec).spec.write_text("{")
    bench.folder(no_journal).journal.unlink()
    bench.folder(no_journal).journal.mkdir()
    bench.turn_until(lambda: bench.store.state(good) == "succeeded")
    assert bench.end_of(no_spec).row.state == "failed", "the worker cannot even begin"
    # Nothing can be written into this one, not even that it failed.
    row = bench.end_of(no_journal).row
    assert row.state == "failed" and "Is a directory" in row.reason


def test_a_full_disk_fails_nobody(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    name = bench.launch("works-until-told")
    bench.turn_until(lambda: bench.store.state(name) == "running")
    (bench.folder(name).path / "go-on").touch()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(records, "journalled", full)
        wait_for(lambda: bench.executor.status(bench.folder(name)) == "gone")
        for _ in range(10):
            bench.dispatcher.tick()
        assert bench.store.state(name) == "running"
    assert bench.end_of(name).row.state == "succeeded"


def test_a_successor_takes_over_running_workers(
    bench: Bench, dispatcher_process: Callable[..., subprocess.Popen[bytes]]
) -> None:
    name = bench.launch("works-until-told")
    first = dispatcher_process()
    wait_for(lambda: bench.store.state(name) == "running")
    worker = pid_of(bench.folder(name))
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not is_held(bench.home.dispatcher_lock)
    (bench.folder(name).path / "go-on").touch()
    wait_for(lambda: bench.executor.status(bench.folder(name)) == "gone")
    assert bench.store.state(name) == "running", "nobody was there to see it end"
    dispatcher_process()
    wait_for(lambda: bench.store.state(name) == "succeeded")
    assert pid_of(bench.folder(name)) == worker
    assert bench.states(name) == ["queued", "starting", "running", "succeeded"]


def test_a_second_dispatcher_leaves_at_once(
    bench: Bench, dispatcher_process: Callable[..., subprocess.Popen[bytes]]
) -> None:
    dispatcher_process()
    wait_for(lambda: is_held(bench.home.dispatcher_lock))
    assert dispatcher_process().wait(timeout=90) == 0
    assert is_held(bench.home.dispatcher_lock)


def test_an_idle_dispatcher_leaves_and_its_successor_finds_the_work(
    bench: Bench, dispatcher_process: Callable[..., subprocess.Popen[bytes]]
) -> None:
    first = dispatcher_process(0.3)
    assert first.wait(timeout=90) == 0
    name = bench.launch("succeeds")
    second = dispatcher_process(0.3)
    assert second.wait(timeout=90) == 0
    assert bench.store.state(name) == "succeeded"
