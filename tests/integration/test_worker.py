"""The worker process: whatever happens to it, its folder tells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import psutil
import pytest
import torch

from distill_core.errors import LabError
from distill_core.event_log import read_events
from distill_core.events import AnyEvent, EpochEnded, Noted, RunDeclared, WorkerEnded, WorkerStarted
from distill_core.executors.executor import TOKEN_VARIABLE, Placement
from distill_core.executors.local import LocalExecutor
from distill_core.folders import ExperimentFolder, Home
from distill_core.jobs import worker
from distill_core.jobs.worker import StopWish, checkpoint_seconds
from distill_core.processes import hold, is_held, read_stamp
from distill_core.spec import ExperimentSpec
from distill_core.store.store import Store


@pytest.fixture
def folder(tmp_path: Path, tiny_spec: ExperimentSpec) -> Iterator[ExperimentFolder]:
    store = Store(Home(tmp_path))
    store.create(tiny_spec, experiment_id="one", created_at=1.0)
    store.transition("one", expected={"queued"}, to="starting", at=2.0, attempt=2)
    folder = store.home.experiment("one")
    yield folder
    LocalExecutor().end(folder, force=True)


@pytest.fixture
def measuring(folder: ExperimentFolder) -> Iterator[IO[str]]:
    """The lock of somebody who measures latency on the processor."""
    lock = hold(folder.home.processor_lock)
    assert lock is not None
    yield lock
    lock.close()


def start(folder: ExperimentFolder) -> subprocess.Popen[str]:
    with folder.worker_log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "distill_core.jobs.worker", str(folder.path)], stdout=log, stderr=log, text=True
        )


def work(folder: ExperimentFolder) -> tuple[int, list[AnyEvent]]:
    code = start(folder).wait(timeout=120)
    return code, events_of(folder)


def events_of(folder: ExperimentFolder) -> list[AnyEvent]:
    return [event for event, _ in read_events(folder.events)]


def wait_for(what: Callable[[], bool], *, seconds: float = 180) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def test_a_whole_experiment(folder: ExperimentFolder) -> None:
    code, events = work(folder)
    assert code == 0, folder.worker_log.read_text()
    first, last = events[0], events[-1]
    assert isinstance(first, WorkerStarted) and first.device == "cpu" and first.versions["torch"]
    assert isinstance(last, WorkerEnded) and last.outcome == "succeeded"
    stamp = read_stamp(folder.worker_stamp)
    assert stamp is not None and (stamp.pid, stamp.attempt, stamp.events_offset) == (first.pid, 2, 0)
    # Once more finds everything done, and begins where the first ended.
    length = folder.events.stat().st_size
    code, _ = work(folder)
    again = read_stamp(folder.worker_stamp)
    assert code == 0 and again is not None and again.events_offset == length


def test_a_damaged_spec_is_told_in_a_sentence(folder: ExperimentFolder) -> None:
    folder.spec.write_text(json.dumps(json.loads(folder.spec.read_text()) | {"seeds": []}))
    code, events = work(folder)
    last = events[-1]
    assert code == 1 and isinstance(last, WorkerEnded) and last.outcome == "failed"
    assert "seeds" in last.reason and isinstance(events[0], WorkerStarted)


def test_what_the_user_can_mend_is_told_in_a_sentence(folder: ExperimentFolder) -> None:
    spec = json.loads(folder.spec.read_text())
    spec["data"]["dataset"] = {"name": "image-folder", "params": {"path": "/not/there"}}
    folder.spec.write_text(json.dumps(spec))
    code, events = work(folder)
    last = events[-1]
    assert code == 1 and isinstance(last, WorkerEnded)
    assert "/not/there" in last.reason and "error id" not in last.reason


def test_the_unexpected_leaves_its_trace_in_the_log(folder: ExperimentFolder) -> None:
    folder.reuse.write_text("{ damaged")
    code, events = work(folder)
    last = events[-1]
    assert code == 1 and isinstance(last, WorkerEnded)
    error_id = last.reason.rpartition("error id ")[2].rstrip(".")
    log = folder.worker_log.read_text()
    assert len(error_id) == 8 and f"error id {error_id}" in log and "Traceback" in log
    assert "Traceback" not in last.reason


def test_a_terminated_worker_says_that_it_was_stopped(folder: ExperimentFolder) -> None:
    process = start(folder)
    wait_for(lambda: any(isinstance(event, WorkerStarted) for event in events_of(folder)))
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=120) == 0
    last = events_of(folder)[-1]
    assert isinstance(last, WorkerEnded) and last.outcome == "cancelled"


def test_a_second_worker_leaves_the_folder_alone(folder: ExperimentFolder) -> None:
    code = (
        "import sys; from pathlib import Path; from distill_core.processes import hold;"
        "lock = hold(Path(sys.argv[1])); print('held', flush=True); input()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(folder.worker_lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        assert work(folder) == (3, [])
        assert not folder.worker_stamp.exists()
    finally:
        holder.communicate("\n")


def test_the_stop_file_is_seen_but_not_asked_for_all_the_time(tmp_path: Path) -> None:
    now = [0.0]
    wish = StopWish(tmp_path / "stop.request", clock=lambda: now[0])
    assert not wish()
    (tmp_path / "stop.request").touch()
    assert not wish(), "looked a moment ago"
    now[0] = 0.3
    assert wish()
    (tmp_path / "stop.request").unlink()
    now[0] = 9.0
    assert wish(), "a wish is not taken back while the worker acts on it"


def test_the_worker_s_own_code_loads_no_torch() -> None:
    code = "import sys, distill_core.jobs.worker; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("setting", "seconds"), [("", 10.0), ("0", 0.0), ("2.5", 2.5)])
def test_checkpoints_come_as_often_as_the_environment_says(setting: str, seconds: float) -> None:
    assert checkpoint_seconds(setting) == seconds


@pytest.mark.parametrize("setting", ["soon", "-1", "nan"])
def test_a_wrong_time_between_checkpoints_is_refused(setting: str) -> None:
    with pytest.raises(LabError, match=r"DISTILL_CHECKPOINT_SECONDS is .*; allowed: seconds from 0 on"):
        checkpoint_seconds(setting)


def waits(folder: ExperimentFolder) -> bool:
    return any(isinstance(event, Noted) and "Waits while" in event.text for event in events_of(folder))


def test_it_waits_for_a_measurement_then_works_and_keeps_others_out(
    folder: ExperimentFolder, measuring: IO[str]
) -> None:
    process = start(folder)
    wait_for(lambda: waits(folder))
    assert not any(isinstance(event, RunDeclared) for event in events_of(folder))
    measuring.close()
    wait_for(lambda: any(isinstance(event, RunDeclared) for event in events_of(folder)))
    assert is_held(folder.home.processor_lock) or process.poll() is not None
    assert process.wait(timeout=120) == 0, folder.worker_log.read_text()
    assert not is_held(folder.home.processor_lock)


def test_a_stop_is_heard_while_it_waits(folder: ExperimentFolder, measuring: IO[str]) -> None:
    process = start(folder)
    wait_for(lambda: waits(folder))
    folder.stop_request.touch()
    assert process.wait(timeout=60) == 0
    last = events_of(folder)[-1]
    assert isinstance(last, WorkerEnded) and (last.outcome, last.reason) == (
        "cancelled", "Stopped while it waited to begin."
    )


def placed(folder: ExperimentFolder, token: str = "one") -> dict[str, str]:
    """The folder is placed; what an executor gives the worker's environment."""
    Placement(token, 2, ("cpu",), "cpu").write(folder)
    return os.environ | {TOKEN_VARIABLE: token}


def test_a_placed_worker_takes_its_device_from_there_and_shows_that_it_lives(folder: ExperimentFolder) -> None:
    spec = json.loads(folder.spec.read_text())
    # What the spec wishes is the dispatcher's business.
    folder.spec.write_text(json.dumps(spec | {"device": "cuda:5"}))
    command = [sys.executable, "-m", "distill_core.jobs.worker", str(folder.path)]
    with folder.worker_log.open("ab") as log:
        done = subprocess.run(command, stdout=log, stderr=log, env=placed(folder), check=False)
    assert done.returncode == 0, folder.worker_log.read_text()
    first, last = events_of(folder)[0], events_of(folder)[-1]
    assert isinstance(first, WorkerStarted) and (first.token, first.device) == ("one", "cpu")
    assert isinstance(last, WorkerEnded) and (last.token, last.outcome) == ("one", "succeeded")
    assert json.loads(folder.heartbeat.read_text())["token"] == "one"
    # A process that was started for the same attempt, but came late, is of no use.
    length = folder.events.stat().st_size
    assert subprocess.run(command, env=placed(folder), capture_output=True, check=False).returncode == 4
    assert folder.events.stat().st_size == length


def test_a_worker_whose_folder_is_given_away_writes_nothing_more(
    folder: ExperimentFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILL_CHECKPOINT_SECONDS", "0")
    spec = json.loads(folder.spec.read_text())
    spec["student_training"]["epochs"] = spec["teacher"]["training"]["epochs"] = 2000
    folder.spec.write_text(json.dumps(spec))
    command = [sys.executable, "-m", "distill_core.jobs.worker", str(folder.path)]
    with folder.worker_log.open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=placed(folder))
    wait_for(lambda: any(isinstance(event, EpochEnded) for event in events_of(folder)))
    process.send_signal(signal.SIGSTOP)
    # The signal takes a moment to reach every thread.
    wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
    Placement("another", 3, ("cpu",), "cpu").write(folder)

    def written() -> dict[str, int]:
        return {
            str(path): path.stat().st_mtime_ns for path in folder.path.rglob("*")
            # A half-written file has no name that anybody reads; a beat says whose it is.
            if path.is_file() and not path.name.endswith(".tmp") and path not in (folder.worker_log, folder.heartbeat)
        }

    before = written()
    process.send_signal(signal.SIGCONT)
    assert process.wait(timeout=180) == 4
    after = written()
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert str(folder.events) not in changed, "it checks right before each line"
    # What was past its check when the signal came may land: a checkpoint, the one before it, the best one.
    assert len(changed) <= 3 and "given to another worker" in folder.worker_log.read_text()


def test_want_of_memory_is_told_with_its_class(folder: ExperimentFolder) -> None:
    code = (
        "import sys; from pathlib import Path; from distill_core.jobs import worker;"
        "worker._run = lambda *a, **k: bytearray(2**60); sys.exit(worker.main([sys.argv[1]]))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(folder.path)], check=False).returncode == 1
    last = events_of(folder)[-1]
    assert isinstance(last, WorkerEnded) and last.failure == "out-of-memory"
    assert last.reason == "The machine's memory did not suffice."


@pytest.mark.parametrize(("declared", "share"), [(20 * 10**9, 0.25), (100 * 10**9, 1.0), (0, None)])
def test_who_declared_its_memory_is_held_to_it(
    monkeypatch: pytest.MonkeyPatch, declared: int, share: float | None
) -> None:
    held: list[tuple[float, str]] = []
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=80 * 10**9))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda *given: held.append(given))
    worker._keep_to_share(Placement("token", 1, ("cuda:1",), "cuda:1", declared))
    assert held == ([] if share is None else [(share, "cuda:1")])
    worker._keep_to_share(None)
