"""What every executor promises, held against each of them with workers that train nothing."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from distill_core.entries import Params
from distill_core.errors import Conflict, LabError
from distill_core.executors import REGISTRY, chosen_executor
from distill_core.executors.executor import WORKER, Executor, Placement
from distill_core.folders import ExperimentFolder, Home
from distill_core.processes import identity_of, read_stamp
from distill_core.store.store import Store
from tests.store_samples import small_spec

FAKE_WORKER = (sys.executable, str(Path(__file__).parents[1] / "faults" / "fake_worker.py"))


@pytest.mark.parametrize("name", REGISTRY.names)
def test_an_entry_builds_an_executor(name: str, tmp_path: Path) -> None:
    entry = REGISTRY[name]
    assert isinstance(entry.resolve({}), Params)
    assert entry.build(entry.resolve({}), WORKER).status(ExperimentFolder(tmp_path)) == "none"


def test_the_environment_chooses_and_a_wrong_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for unset in ("", "local"):
        monkeypatch.setenv("DISTILL_EXECUTOR", unset)
        assert chosen_executor() is REGISTRY["local"]
    monkeypatch.setenv("DISTILL_EXECUTOR", "ray")
    monkeypatch.setenv("DISTILL_RAY_ADDRESS", "head:8265")
    with pytest.raises(LabError, match="DISTILL_RAY_ADDRESS is 'head:8265'; allowed: http://HOST:PORT"):
        chosen_executor()
    monkeypatch.setenv("DISTILL_RAY_ADDRESS", "http://head:8265")
    assert chosen_executor() is REGISTRY["ray"]
    monkeypatch.setenv("DISTILL_EXECUTOR", "lokal")
    with pytest.raises(LabError, match=f"allowed: {', '.join(REGISTRY.names)}"):
        chosen_executor()


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.ray] * (name == "ray")) for name in REGISTRY.names])
def make(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Executor]:
    """Builds executors of one kind, all of which start fake workers."""
    entry = REGISTRY[request.param]
    if request.param == "ray":
        for name, value in request.getfixturevalue("ray_cluster").settings.items():
            monkeypatch.setenv(name, value)
    return lambda: entry.build(entry.resolve({}), FAKE_WORKER)


@pytest.fixture
def folder_of(tmp_path: Path, make: Callable[[], Executor]) -> Iterator[Callable[[str], ExperimentFolder]]:
    """Makes the folder of an experiment whose worker behaves as the name says; kills what is left at the end."""
    store, made = Store(Home(tmp_path)), []

    def build(behaviour: str) -> ExperimentFolder:
        name = store.create(small_spec(behaviour), experiment_id=f"e{len(made)}", created_at=1.0)
        made.append(store.home.experiment(name))
        slot = make().slots()[-1]
        Placement(token=f"{len(made):032x}", attempt=1, slots=(slot.name,), device=slot.device).write(made[-1])
        return made[-1]

    yield build
    for folder in made:
        make().end(folder, force=True)


def wait_for(what: Callable[[], bool], *, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def test_a_worker_is_alive_from_its_start_until_it_ends(make: Callable[[], Executor], folder_of) -> None:
    folder, executor = folder_of("waits"), make()
    assert executor.status(folder) == "none"
    began = time.monotonic()
    executor.start(folder)
    assert time.monotonic() - began < 30, "it returns at once"
    assert executor.status(folder) == "alive", "also before the stamp"
    wait_for(folder.worker_stamp.exists)
    stamp = read_stamp(folder.worker_stamp)
    assert stamp is not None and os.getsid(stamp.pid) == stamp.pid != os.getsid(0), "a session of its own"
    executor.end(folder, force=False)
    wait_for(lambda: executor.status(folder) == "gone")


def test_another_executor_finds_the_worker_and_can_end_it(make: Callable[[], Executor], folder_of) -> None:
    folder, first, second = folder_of("waits"), make(), make()
    first.start(folder)
    wait_for(folder.worker_stamp.exists)
    assert second.status(folder) == "alive"
    second.end(folder, force=False)
    wait_for(lambda: second.status(folder) == "gone")
    wait_for(lambda: first.status(folder) == "gone")


def test_force_ends_a_worker_that_does_not_listen_and_all_it_started(make: Callable[[], Executor], folder_of) -> None:
    folder, executor = folder_of("stubborn"), make()
    executor.start(folder)
    child = folder.path / "child.pid"
    wait_for(lambda: child.exists() and child.read_text() != "")
    executor.end(folder, force=False)
    # Nothing tells that it did not listen; a worker that did would be gone in this time.
    time.sleep(0.3)
    assert executor.status(folder) == "alive"
    executor.end(folder, force=True)
    wait_for(lambda: executor.status(folder) == "gone")
    # Its orphan was killed too.
    pid = int(child.read_text())
    wait_for(lambda: identity_of(pid) is None)


def test_a_second_worker_is_refused(make: Callable[[], Executor], folder_of) -> None:
    folder, executor = folder_of("waits"), make()
    executor.start(folder)
    wait_for(folder.worker_stamp.exists)
    for other in (executor, make()):
        with pytest.raises(Conflict):
            other.start(folder)
    executor.end(folder, force=True)
    wait_for(lambda: executor.status(folder) == "gone")
    executor.start(folder)
    assert executor.status(folder) == "alive"
    # Only the executor that started it knows a worker that has not stamped yet.
    executor.end(folder, force=True)
    wait_for(lambda: executor.status(folder) == "gone")


def test_ending_nobody_is_no_error_and_hits_nobody(make: Callable[[], Executor], folder_of) -> None:
    folder, executor = folder_of("succeeds"), make()
    executor.end(folder, force=True)
    executor.start(folder)
    wait_for(lambda: executor.status(folder) == "gone")
    for force in (False, True):
        executor.end(folder, force=force)
    # The stamp's pid now belongs to another process: this one.
    stamp = folder.worker_stamp.read_text()
    old = read_stamp(folder.worker_stamp)
    assert old is not None
    folder.worker_stamp.write_text(stamp.replace(str(old.pid), str(os.getpid()), 1))
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        executor.end(folder, force=False)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [] and executor.status(folder) == "gone"


def test_what_a_worker_prints_goes_to_its_log(make: Callable[[], Executor], folder_of) -> None:
    folder, executor = folder_of("succeeds"), make()
    folder.events.mkdir()
    executor.start(folder)
    wait_for(lambda: executor.status(folder) == "gone")
    assert "IsADirectoryError" in folder.worker_log.read_text()


def test_its_devices_have_names_of_their_own_and_are_the_same_from_call_to_call(make: Callable[[], Executor]) -> None:
    slots = list(make().slots())
    assert slots and len({slot.name for slot in slots}) == len(slots)
    assert [slot.is_gpu for slot in slots] == sorted((slot.is_gpu for slot in slots), reverse=True), "GPUs first"
    assert [(slot.name, slot.device) for slot in make().slots()] == [(slot.name, slot.device) for slot in slots]
