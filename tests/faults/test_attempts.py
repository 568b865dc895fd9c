"""Attempts, leases and devices: whoever dies, freezes or acts twice, one worker at most has a folder and a device."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from distill_core.event_log import read_events
from distill_core.events import Failure, StateChanged, WorkerStarted
from distill_core.executors.executor import Placement, Slot, read_placement
from distill_core.executors.local import LocalExecutor
from distill_core.folders import ExperimentFolder, Home, read_json, write_json
from distill_core.jobs import admission
from distill_core.jobs.dispatcher import Dispatcher
from distill_core.jobs.lease import Lease, lease_seconds
from distill_core.processes import identity_of, read_stamp
from distill_core.rows import ExperimentView
from distill_core.store.store import Store
from distill_core.store.transitions import ENDED
from tests.store_samples import small_spec

pytestmark = pytest.mark.faults
FAKE_WORKER = Path(__file__).with_name("fake_worker.py")
GB = 10**9
CPU = Slot("cpu", "cpu", "a processor", 8 * GB)
GPUS = tuple(Slot(f"cuda:{number}", f"cuda:{number}", f"GPU {number}", 80 * GB) for number in range(2))


class Machine(LocalExecutor):
    """This machine with other devices than it has."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        super().__init__(command=(sys.executable, str(FAKE_WORKER)))
        self.shown = list(slots)

    def slots(self) -> list[Slot]:
        return self.shown


class Bench:
    """A home with a dispatcher that is turned by hand, on a machine of any devices."""

    def __init__(self, home: Home, slots: Sequence[Slot] = (CPU,), **options: object) -> None:
        self.home, self.store, self.executor = home, Store(home), Machine(slots)
        self.dispatcher = Dispatcher(
            home, self.store, self.executor, **({"pause_seconds": 0.0} | options)  # type: ignore[arg-type]
        )

    def launch(self, behaviour: str, *, name: str = "", **changes: object) -> str:
        identity = name or behaviour
        spec = small_spec(behaviour, **changes)
        return self.store.create(spec, experiment_id=identity, created_at=time.time())

    def folder(self, name: str) -> ExperimentFolder:
        return self.home.experiment(name)

    def turn_until(self, done: Callable[[], bool], *, seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        while not (self.dispatcher.tick(), done())[1]:
            assert time.monotonic() < until, "waited in vain"
            time.sleep(0.02)

    def runs(self, *names: str) -> None:
        self.turn_until(lambda: all(self.store.state(name) == "running" for name in names))

    def let_go_on(self, name: str) -> None:
        (self.folder(name).path / "go-on").touch()

    def end_of(self, name: str) -> ExperimentView:
        self.turn_until(lambda: self.store.state(name) in ENDED)
        return self.store.experiment(name)

    def changes(self, name: str) -> list[StateChanged]:
        return [event for event, _ in read_events(self.folder(name).journal) if isinstance(event, StateChanged)]

    def states(self, name: str) -> list[str]:
        return [change.state for change in self.changes(name)]

    def waits(self, name: str) -> str:
        return str(read_json(self.home.queue_board)["waits"].get(name, ""))


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    yield lambda *arguments, **options: Bench(Home(tmp_path), *arguments, **options)
    for folder in Home(tmp_path).experiments.glob("*"):
        Machine([CPU]).end(ExperimentFolder(folder), force=True)


def pid_of(folder: ExperimentFolder) -> int:
    stamp = read_stamp(folder.worker_stamp)
    assert stamp is not None
    return stamp.pid


# Devices -------------------------------------------------------------------------------------


def test_each_device_has_one_experiment_and_the_order_holds_on_each(make: Callable[..., Bench]) -> None:
    bench = make([*GPUS, CPU])
    first, second, third = (bench.launch("works-until-told", name=name, device="auto") for name in "abc")
    on_cpu = bench.launch("works-until-told", name="d", device="cpu")
    wants_one = bench.launch("works-until-told", name="e", device="cuda:1")
    bench.runs(first, second, on_cpu)
    placed = {name: read_placement(bench.folder(name)) for name in (first, second, on_cpu)}
    assert {name: found.slots for name, found in placed.items() if found} == {
        "a": ("cuda:0",), "b": ("cuda:1",), "d": ("cpu",)
    }
    assert [bench.store.state(name) for name in (third, wants_one)] == ["queued", "queued"]
    assert bench.waits(third) == "Waits until a GPU is free."
    assert bench.waits(wants_one) == "Waits until cuda:1 is free."
    bench.let_go_on(second)
    bench.turn_until(lambda: bench.store.state(third) == "running")
    found = read_placement(bench.folder(third))
    assert found is not None and found.slots == ("cuda:1",) and bench.store.state(wants_one) == "queued"
    assert bench.store.experiment(third).row.device == "cuda:1"


def test_a_gpu_is_shared_up_to_its_memory(make: Callable[..., Bench]) -> None:
    bench = make([GPUS[0], CPU])
    names = [bench.launch("works-until-told", name=name, device="auto", gpu_memory_gb=30) for name in "abc"]
    bench.runs(*names[:2])
    assert bench.store.state("c") == "queued" and bench.waits("c") == "Waits for 30 GB of cuda:0."
    # A successor reads from the folders who is where.
    successor = make([GPUS[0], CPU])
    for _ in range(3):
        successor.dispatcher.tick()
    assert successor.store.state("c") == "queued"
    bench.let_go_on("a")
    successor.turn_until(lambda: successor.store.state("c") == "running")


def test_several_processes_are_given_several_gpus(make: Callable[..., Bench]) -> None:
    bench = make([*GPUS, CPU])
    bench.launch("works-until-told", name="both", device="auto", processes=2)
    bench.launch("works-until-told", name="one", device="auto")
    bench.runs("both")
    found = read_placement(bench.folder("both"))
    assert found is not None and found.slots == ("cuda:0", "cuda:1") and found.device == "cuda:0"
    assert bench.store.state("one") == "queued"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"device": "cuda:3"}, "device is 'cuda:3'; allowed: auto, cpu. There is no other device."),
        ({"device": "cuda"}, "device is 'cuda'"),
    ],
)
def test_a_device_that_does_not_exist_fails_at_once(
    make: Callable[..., Bench], changes: dict[str, object], sentence: str
) -> None:
    bench = make()
    name = bench.launch("succeeds", **changes)
    bench.dispatcher.tick()
    row = bench.store.experiment(name).row
    assert (row.state, row.failure) == ("failed", "bad-spec") and sentence in row.reason
    assert bench.executor.status(bench.folder(name)) == "none"


def test_a_paused_queue_begins_nothing_and_lets_go_on_what_runs(make: Callable[..., Bench]) -> None:
    bench = make()
    bench.launch("works-until-told", name="runs")
    bench.runs("runs")
    write_json(bench.home.queue_paused, {"by": "somebody", "at": 1.0})
    bench.launch("succeeds")
    bench.let_go_on("runs")
    assert bench.end_of("runs").row.state == "succeeded"
    for _ in range(5):
        bench.dispatcher.tick()
    assert bench.store.state("succeeds") == "queued"
    bench.home.queue_paused.unlink()
    assert bench.end_of("succeeds").row.state == "succeeded"


def test_ranks_decide_and_who_was_interrupted_keeps_its_place(make: Callable[..., Bench]) -> None:
    bench = make()
    for name in ("first", "second", "third"):
        bench.launch("works-until-told" if name == "third" else "succeeds", name=name)
    first = bench.store.in_states({"queued"})[0]
    assert first.queued_at is not None
    bench.store.rank("third", first.queued_at - 1, at=time.time())
    bench.runs("third")
    os.kill(pid_of(bench.folder("third")), signal.SIGKILL)
    bench.turn_until(lambda: bench.store.experiment("third").row.attempt == 2)
    assert bench.states("first") == bench.states("second") == ["queued"]
    before = [row.experiment_id for row in bench.store.in_states({"queued"})]
    bench.store.reindex()
    assert [row.experiment_id for row in bench.store.in_states({"queued"})] == before
    bench.let_go_on("third")
    assert bench.end_of("second").row.state == "succeeded"


# Classes of failure --------------------------------------------------------------------------


@pytest.mark.parametrize("failure", ["out-of-memory", "gpu-out-of-memory", "disk-full"])
def test_what_passes_is_tried_again_with_its_reason(make: Callable[..., Bench], failure: Failure) -> None:
    bench = make()
    name = bench.launch(f"fails-once-by-{failure}")
    view = bench.end_of(name)
    assert (view.row.state, view.row.attempt, view.row.failure, view.row.reason) == ("succeeded", 2, "", "")
    assert bench.states(name) == [
        "queued", "starting", "running", "lost", "queued", "starting", "running", "succeeded"
    ]
    again = bench.changes(name)[4:7]
    assert all(change.reason.startswith("Attempt 2 of 3 because the ") for change in again)
    assert [note.text for note in view.notes] == ["It did not suffice (attempt 1 of 3)."]


def test_out_of_memory_three_times_is_enough(make: Callable[..., Bench]) -> None:
    bench = make()
    row = bench.end_of(bench.launch("fails-by-gpu-out-of-memory")).row
    assert (row.state, row.attempt, row.failure) == ("failed", 3, "gpu-out-of-memory")
    assert "the GPU's memory did not suffice" in row.reason and "half the batch" in row.reason


@pytest.mark.parametrize("failure", ["diverged", "bad-spec", "missing-data", "error"])
def test_what_would_only_come_again_is_not_tried_again(make: Callable[..., Bench], failure: Failure) -> None:
    bench = make()
    row = bench.end_of(bench.launch(f"fails-by-{failure}")).row
    assert (row.state, row.attempt, row.failure, row.reason) == ("failed", 1, failure, "It did not suffice.")


def test_success_without_a_result_is_failure(make: Callable[..., Bench]) -> None:
    bench = make()
    row = bench.end_of(bench.launch("claims")).row
    assert (row.state, row.attempt, row.failure) == ("failed", 1, "no-result")


def test_the_kernel_s_count_tells_want_of_memory_from_a_kill(make: Callable[..., Bench]) -> None:
    bench = make(kills=lambda: 10**9)
    name = bench.launch("works-until-told")
    bench.runs(name)
    stamp = read_json(bench.folder(name).worker_stamp)
    write_json(bench.folder(name).worker_stamp, stamp | {"kernel_kills": 4})
    os.kill(pid_of(bench.folder(name)), signal.SIGKILL)
    bench.turn_until(lambda: bench.store.experiment(name).row.attempt == 2)
    assert [change.failure for change in bench.changes(name) if change.state == "lost"] == ["out-of-memory"]
    # One that has not stamped its folder yet could not be ended.
    bench.runs(name)


def test_attempts_rest_longer_and_longer_and_a_full_disk_is_waited_for(
    make: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    now, space = [0.0], [False]
    monkeypatch.setattr(admission, "has_space", lambda path: space[0])
    bench = make(monotonic=lambda: now[0], pause_seconds=2.0)
    name = bench.launch("fails-by-disk-full")
    bench.turn_until(lambda: bench.store.state(name) == "queued" and bench.store.experiment(name).row.attempt == 1)

    def rests() -> str:
        for _ in range(3):
            bench.dispatcher.tick()
        assert bench.store.state(name) == "queued"
        return bench.waits(name)

    assert rests() == "Rests for 2 s before the next attempt."
    now[0] += 2.5
    assert rests() == "Waits until the disk has space again."
    space[0] = True
    bench.turn_until(lambda: bench.store.state(name) == "queued" and bench.store.experiment(name).row.attempt == 2)
    assert rests() == "Rests for 8 s before the next attempt."
    now[0] += 8.5
    assert bench.end_of(name).row.failure == "disk-full"


# Leases --------------------------------------------------------------------------------------


def test_a_frozen_worker_loses_its_lease_and_its_successor_finishes(make: Callable[..., Bench]) -> None:
    now = [0.0]
    bench = make(monotonic=lambda: now[0], silence_seconds=120.0)
    name = bench.launch("freezes-once")
    bench.turn_until(lambda: bench.store.state(name) == "running")
    frozen = pid_of(bench.folder(name))
    now[0] += 119
    bench.dispatcher.tick()
    assert bench.store.state(name) == "running", "not yet"
    now[0] += 2
    view = bench.end_of(name)
    assert (view.row.state, view.row.attempt) == ("succeeded", 2)
    assert [change.failure for change in bench.changes(name) if change.state == "lost"] == ["lost-lease"]
    assert any("no sign of life for 120 s" in note.text for note in view.notes)
    assert identity_of(frozen) is None, "a stopped process is killed all the same"


def test_a_beating_heart_keeps_the_lease_whatever_the_clock_says(make: Callable[..., Bench]) -> None:
    now, wall = [0.0], [time.time()]
    bench = make(monotonic=lambda: now[0], clock=lambda: wall[0], silence_seconds=120.0)
    name = bench.launch("works-until-told")
    bench.runs(name)
    for beat in range(6):
        write_json(bench.folder(name).heartbeat, {"token": "t", "beat": beat})
        now[0] += 100
        wall[0] += 3600 * (-1) ** beat
        bench.dispatcher.tick()
    assert bench.store.state(name) == "running"
    bench.let_go_on(name)
    assert bench.end_of(name).row.attempt == 1


def test_who_finds_another_s_token_leaves_without_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, left = ExperimentFolder(tmp_path / "home" / "experiments" / "one"), []
    Placement("mine", 1, ("cpu",), "cpu").write(folder)
    lease = Lease(folder, "mine", leave=left.append)
    lease.check()
    assert not left
    Placement("another's", 2, ("cpu",), "cpu").write(folder)
    lease.check()
    folder.placement.unlink()
    lease.check()
    assert left == [4, 4] and "given to another worker" in capsys.readouterr().err
    Lease(folder, "", leave=left.append).check()
    assert left == [4, 4], "who was begun by hand has no lease to lose"


@pytest.mark.parametrize("setting", ["soon", "0", "nan", "1e9"])
def test_a_wrong_lease_is_refused(setting: str) -> None:
    assert lease_seconds("") == 120 and lease_seconds("2.5") == 2.5
    with pytest.raises(Exception, match=r"DISTILL_LEASE_SECONDS is .*; allowed: seconds from 1 to 86400"):
        lease_seconds(setting)


# Two dispatchers -----------------------------------------------------------------------------


def test_two_that_act_at_once_start_one_worker_an_attempt(make: Callable[..., Bench]) -> None:
    """The lock keeps a second dispatcher away; here its file was deleted."""
    benches = [make(), make()]
    kinds = ("dies-once", "succeeds") * 3
    names = [benches[0].launch(kind, name=f"{kind}-{number}") for number, kind in enumerate(kinds)]
    until = time.monotonic() + 60
    while any(benches[0].store.state(name) not in ENDED for name in names):
        assert time.monotonic() < until
        for bench in benches:
            bench.dispatcher.tick()
        time.sleep(0.01)
    for name in names:
        states = benches[0].states(name)
        assert states[-1] == "succeeded" and sum(state in ENDED for state in states) == 1
        begun = [event for event, _ in read_events(benches[0].folder(name).events) if isinstance(event, WorkerStarted)]
        assert len({event.token for event in begun}) == len(begun) == states.count("starting")


def test_a_dispatcher_that_wakes_late_moves_nothing_of_its_successor_s_attempt(make: Callable[..., Bench]) -> None:
    late, successor = make(stamp_seconds=0.0), make(stamp_seconds=0.0)
    name = late.launch("works-until-told")
    start, late_start = late.executor.start, []
    # It moves the experiment, then sleeps before it starts the worker.
    late.executor.start = late_start.append  # type: ignore[method-assign]
    late.dispatcher.tick()
    successor.turn_until(lambda: successor.store.state(name) == "running")
    token = successor.store.experiment(name).row.token
    with pytest.raises(Exception, match="still at work"):
        start(late_start[0])
    for _ in range(3):
        late.dispatcher.tick()
    row = successor.store.experiment(name).row
    assert (row.state, row.token, row.attempt) == ("running", token, 2)
    successor.let_go_on(name)
    assert successor.end_of(name).row.state == "succeeded"


def test_a_successor_adopts_every_running_worker(make: Callable[..., Bench]) -> None:
    first = make([*GPUS, CPU])
    names = [first.launch("works-until-told", name=name, device="auto") for name in "ab"]
    first.runs(*names)
    pids = [pid_of(first.folder(name)) for name in names]
    second = make([*GPUS, CPU])
    # The stamp of one is gone; its lock still tells that it lives, and who it is.
    second.folder("b").worker_stamp.rename(second.folder("b").path / "kept")
    assert second.executor.status(second.folder("b")) == "alive"
    for _ in range(3):
        second.dispatcher.tick()
    assert [second.store.state(name) for name in names] == ["running", "running"]
    (second.folder("b").path / "kept").rename(second.folder("b").worker_stamp)
    for name in names:
        second.let_go_on(name)
    assert [second.end_of(name).row.state for name in names] == ["succeeded", "succeeded"]
    assert [pid_of(second.folder(name)) for name in names] == pids


def test_a_worker_without_its_stamp_can_still_be_ended(make: Callable[..., Bench]) -> None:
    bench = make()
    name = bench.launch("stubborn")
    bench.turn_until(lambda: bench.store.state(name) == "running" and (bench.folder(name).path / "child.pid").exists())
    bench.folder(name).worker_stamp.unlink()
    stranger = Machine([CPU])
    stranger.end(bench.folder(name), force=True)
    until = time.monotonic() + 20
    while stranger.status(bench.folder(name)) == "alive":
        assert time.monotonic() < until
        time.sleep(0.02)
