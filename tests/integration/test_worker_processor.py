"""A worker on the processor waits while latency is measured there, and has it for itself while it lives."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from distill_core.events import AnyEvent, Noted, RunDeclared, WorkerEnded, read_events
from distill_core.folders import ExperimentFolder, Home
from distill_core.processes import hold, is_held
from distill_core.spec import ExperimentSpec
from distill_core.store.store import Store


@pytest.fixture
def folder(tmp_path: Path, tiny_spec: ExperimentSpec) -> ExperimentFolder:
    store = Store(Home(tmp_path))
    store.create(tiny_spec, experiment_id="one", created_at=1.0)
    store.transition("one", expected={"queued"}, to="starting", at=2.0, attempt=1)
    return store.home.experiment("one")


@pytest.fixture
def worker(folder: ExperimentFolder) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        with folder.worker_log.open("ab") as log:
            command = [sys.executable, "-m", "distill_core.jobs.worker", str(folder.path)]
            started.append(subprocess.Popen(command, stdout=log, stderr=log))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def told(folder: ExperimentFolder) -> list[AnyEvent]:
    return [event for event, _ in read_events(folder.events)]


def wait_for(what: Callable[[], bool], *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def waits(folder: ExperimentFolder) -> bool:
    return any(isinstance(event, Noted) and "Waits while" in event.text for event in told(folder))


def test_it_waits_then_works_and_keeps_others_out(
    folder: ExperimentFolder, worker: Callable[[], subprocess.Popen[bytes]]
) -> None:
    measuring = hold(folder.home.processor_lock)
    assert measuring is not None
    process = worker()
    wait_for(lambda: waits(folder))
    assert not any(isinstance(event, RunDeclared) for event in told(folder))
    measuring.close()
    wait_for(lambda: any(isinstance(event, RunDeclared) for event in told(folder)))
    assert is_held(folder.home.processor_lock) or process.poll() is not None
    assert process.wait(timeout=120) == 0, folder.worker_log.read_text()
    assert not is_held(folder.home.processor_lock)


def test_a_stop_is_heard_while_it_waits(
    folder: ExperimentFolder, worker: Callable[[], subprocess.Popen[bytes]]
) -> None:
    measuring = hold(folder.home.processor_lock)
    assert measuring is not None
    process = worker()
    wait_for(lambda: waits(folder))
    folder.stop_request.touch()
    assert process.wait(timeout=60) == 0
    last = told(folder)[-1]
    assert isinstance(last, WorkerEnded) and (last.outcome, last.reason) == (
        "cancelled", "Stopped while it waited to begin."
    )
    measuring.close()
