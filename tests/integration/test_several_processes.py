"""An experiment that several processes train: the figures of one, whoever is killed, and nobody left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from distill_core.event_log import read_events
from distill_core.events import EpochEnded, Event, RunDeclared, StepChanged, WorkerEnded
from distill_core.folders import ExperimentFolder, Home
from distill_core.services import Lab
from distill_core.spec import parse_spec
from distill_core.store.store import Store
from tests.integration.pipeline_lab import PipelineLab


def wait_for(what: Callable[[], bool], *, seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def data(spec_data: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Long enough to be killed in the middle, by a slow optimiser that does not enlarge how sums are rounded."""
    monkeypatch.setenv("DISTILL_CHECKPOINT_SECONDS", "0")
    monkeypatch.setenv("DISTILL_THREADS", "2")
    slow = {"kind": "sgd", "learning_rate": 0.01}
    spec_data["teacher"]["training"] |= {"optimizer": slow}
    spec_data["student_training"] |= {"epochs": 8, "optimizer": slow}
    spec_data["students"] = spec_data["students"][1:2]
    return spec_data | {"seeds": [0], "processes": 2}


def create(home: Home, data: dict[str, Any]) -> ExperimentFolder:
    Store(home).create(parse_spec(data), experiment_id="one", created_at=1.0)
    return home.experiment("one")


def start(folder: ExperimentFolder, **environment: str) -> subprocess.Popen[bytes]:
    with folder.worker_log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "distill_core.jobs.worker", str(folder.path)], stdout=log, stderr=log,
            start_new_session=True, env=os.environ | environment,
        )


@pytest.fixture
def workers() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for worker in started:
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def told(folder: ExperimentFolder, kind: type[Event]) -> list[Any]:
    return [event for event, _ in read_events(folder.events) if isinstance(event, kind)]


def answers(folder: ExperimentFolder) -> dict[str, np.ndarray]:
    """Test logits of every run, by its name."""
    return {run.name: np.load(folder.run(run.run_id).test_logits) for run in told(folder, RunDeclared)}


def assert_same_answers(folder: ExperimentFolder, data: dict[str, Any], path: Path) -> None:
    """As one process's: the same kinds of events, epoch by epoch, and logits to 1e-3 of their spread."""
    torch.set_num_threads(1)
    lab = PipelineLab(path)
    assert lab.run("alone", data | {"processes": 1}).outcome == "succeeded"
    mine, theirs = answers(folder), answers(lab.folder("alone"))
    assert mine.keys() == theirs.keys()
    for name in mine:
        assert np.abs(mine[name] - theirs[name]).max() < 1e-3 * theirs[name].std(), name
    names = {run.run_id: run.name for run in told(folder, RunDeclared)}
    names |= {run.run_id: run.name for run in lab.told("alone", RunDeclared)}
    assert {(names[event.run_id], event.epoch) for event in told(folder, EpochEnded)} == {
        (names[event.run_id], event.epoch) for event in lab.told("alone", EpochEnded)
    }
    assert {event.step for event in told(folder, StepChanged)} == {
        event.step for event in lab.told("alone", StepChanged)
    }
    assert {run.run_id for run in told(folder, RunDeclared)}.isdisjoint(
        run.run_id for run in lab.told("alone", RunDeclared)
    ), "equal only to a tolerance, so not the same runs"


def test_whoever_is_killed_the_work_goes_on_to_the_same_result(
    data: dict[str, Any], tmp_path: Path, workers: list[subprocess.Popen[bytes]]
) -> None:
    folder = create(Home(tmp_path / "home"), data)

    def begin(epochs: int) -> tuple[subprocess.Popen[bytes], psutil.Process]:
        """Start a worker, and wait until so many epochs were told by it and its predecessors."""
        worker = start(folder)
        workers.append(worker)
        wait_for(lambda: len(told(folder, EpochEnded)) >= epochs or worker.poll() is not None)
        assert worker.poll() is None, folder.worker_log.read_text()
        helpers = psutil.Process(worker.pid).children()
        assert len(helpers) == 1
        return worker, helpers[0]

    # A helper: the worker says so, in a word that the dispatcher takes for a reason to try again.
    worker, helper = begin(3)
    helper.kill()
    assert worker.wait(60) == 1
    last = told(folder, WorkerEnded)[-1]
    assert (last.outcome, last.failure) == ("failed", "killed") and "signal 9" in last.reason

    # The worker itself: its helper leaves by itself.
    worker, helper = begin(len(told(folder, EpochEnded)) + 3)
    worker.kill()
    worker.wait()
    helper.wait(20)

    # Two workers of one folder, as torchrun starts one on each machine: only the first writes, from the checkpoint on.
    before = max(event.epoch for event in told(folder, EpochEnded))
    known = len(told(folder, EpochEnded))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "LOCAL_RANK": "0"}
    workers += [start(folder, RANK=rank, **common) for rank in ("1", "0")]
    assert [worker.wait(120) for worker in workers[2:]] == [0, 0], folder.worker_log.read_text()
    assert [event.outcome for event in told(folder, WorkerEnded)] == ["failed", "succeeded"]
    assert min(event.epoch for event in told(folder, EpochEnded)[known:]) >= before
    assert_same_answers(folder, data, tmp_path / "other")


def test_by_the_lab_from_launch_to_result(data: dict[str, Any], tmp_path: Path) -> None:
    data["student_training"]["epochs"] = 2
    lab = Lab(Home(tmp_path / "home"), idle_seconds=0.5)
    name = lab.launch(parse_spec(data))
    wait_for(lambda: lab.live(name, 0)["state"] in ("succeeded", "failed"))
    view = lab.experiment(name)
    assert view.row.state == "succeeded", view.row.reason
    assert all(run.state == "finished" for run in view.runs)
