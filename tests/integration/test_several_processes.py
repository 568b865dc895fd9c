"""An experiment that several processes train: the figures of one, also when a helper is killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from distill_core.event_log import read_events
from distill_core.events import EpochEnded, Event, RunDeclared, StepChanged, WorkerEnded, WorkerStarted
from distill_core.folders import ExperimentFolder, Home
from distill_core.processes import read_stamp
from distill_core.services import Lab
from distill_core.spec import parse_spec
from distill_core.store.store import Store
from tests.integration.pipeline_lab import PipelineLab

# Whole experiments, each with processes of its own.
pytestmark = pytest.mark.timeout(900)


def wait_for(what: Callable[[], bool], *, seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def data(spec_data: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Long enough to be killed in the middle, by a slow optimiser that does not enlarge how sums are rounded."""
    monkeypatch.setenv("DISTILL_CHECKPOINT_SECONDS", "0")
    monkeypatch.setenv("DISTILL_THREADS", "2")
    slow = {"kind": "sgd", "learning_rate": 0.002}
    spec_data["teacher"]["training"] |= {"optimizer": slow}
    spec_data["student_training"] |= {"epochs": 6, "optimizer": slow}
    spec_data["students"] = spec_data["students"][1:2]
    return spec_data | {"seeds": [0], "processes": 2}


def told(folder: ExperimentFolder, kind: type[Event]) -> list[Any]:
    return [event for event, _ in read_events(folder.events) if isinstance(event, kind)]


def answers(folder: ExperimentFolder) -> dict[str, np.ndarray]:
    """Test logits of every run, by its name."""
    return {run.name: np.load(folder.run(run.run_id).test_logits) for run in told(folder, RunDeclared)}


def assert_same_answers(folder: ExperimentFolder, data: dict[str, Any], path: Path) -> None:
    """As one process's: the same kinds of events, epoch by epoch, and logits to a thousandth of their spread."""
    torch.set_num_threads(1)
    lab = PipelineLab(path)
    assert lab.run("alone", data | {"processes": 1}).outcome == "succeeded"
    mine, theirs = answers(folder), answers(lab.folder("alone"))
    assert mine.keys() == theirs.keys()
    for name in mine:
        assert np.abs(mine[name] - theirs[name]).max() < 1e-3 * theirs[name].std(), name
    names = {run.run_id: run.name for run in told(folder, RunDeclared)}
    alone = {run.run_id: run.name for run in lab.told("alone", RunDeclared)}
    assert names.keys().isdisjoint(alone), "equal only to a tolerance, so not the same runs"
    assert {(names[event.run_id], event.epoch) for event in told(folder, EpochEnded)} == {
        (alone[event.run_id], event.epoch) for event in lab.told("alone", EpochEnded)
    }
    steps = [{event.step for event in all_} for all_ in (told(folder, StepChanged), lab.told("alone", StepChanged))]
    assert steps[0] == steps[1]


def test_a_killed_helper_costs_one_attempt_and_no_result(data: dict[str, Any], tmp_path: Path) -> None:
    lab = Lab(Home(tmp_path / "home"), idle_seconds=0.5)
    name = lab.launch(parse_spec(data))
    folder = lab.home.experiment(name)
    wait_for(lambda: bool(told(folder, EpochEnded)))
    stamp = read_stamp(folder.worker_stamp)
    assert stamp is not None
    # Held meanwhile: few steps are left, and it must be at work when its helper dies.
    worker = psutil.Process(stamp.pid)
    worker.suspend()
    try:
        (helper,) = worker.children()
        for process in (worker, helper):
            # Whoever reaches these ports is trusted, so nobody elsewhere may.
            heard = [one.laddr.ip for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN]
            assert heard and set(heard) == {"127.0.0.1"}
        helper.kill()
    finally:
        worker.resume()
    wait_for(lambda: lab.live(name, 0)["state"] in ("succeeded", "failed"))
    view = lab.experiment(name)
    assert view.row.state == "succeeded" and view.row.attempt == 2, view.row.reason
    assert all(run.state == "finished" for run in view.runs)
    first, last = told(folder, WorkerEnded)
    assert (first.outcome, first.failure, last.outcome) == ("failed", "killed", "succeeded")
    assert "Process 2 of 2" in first.reason and "signal 9" in first.reason
    assert_same_answers(folder, data, tmp_path / "other")


def test_two_nodes_by_the_environment_of_torchrun(data: dict[str, Any], tmp_path: Path) -> None:
    """Two workers of one folder, as torchrun starts one on each machine; only the first writes, and a stop is its."""
    data["student_training"]["epochs"] = 1
    home = Home(tmp_path / "home")
    Store(home).create(parse_spec(data), experiment_id="one", created_at=1.0)
    folder = home.experiment("one")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "LOCAL_RANK": "0"}
    with folder.worker_log.open("ab") as log:
        workers = [
            subprocess.Popen(
                [sys.executable, "-m", "distill_core.jobs.worker", str(folder.path)], stdout=log, stderr=log,
                env=os.environ | common | {"RANK": rank},
            )
            for rank in ("1", "0")
        ]
    try:
        assert [worker.wait(240) for worker in workers] == [0, 0], folder.worker_log.read_text()
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert [event.outcome for event in told(folder, WorkerEnded)] == ["succeeded"]
    assert len(told(folder, WorkerStarted)) == 1
