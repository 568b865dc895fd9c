"""kill -9 of whoever launched, of the dispatcher and of the worker: the real work goes on to the same result."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from distill_core.event_log import read_events
from distill_core.events import EpochEnded, WorkerStarted
from distill_core.executors.local import LocalExecutor
from distill_core.folders import ExperimentFolder, Home
from distill_core.processes import is_held, read_stamp
from distill_core.rows import ExperimentView
from distill_core.services import Lab
from distill_core.spec import parse_spec
from distill_core.store.store import Store

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
# What a web server is to the lab: a process that launches, and then only looks.
LAUNCHER = """
import json, sys, time
from pathlib import Path
from distill_core.folders import Home
from distill_core.rows import ExperimentView
from distill_core.services import Lab
from distill_core.spec import parse_spec
print(Lab(Home(Path(sys.argv[1]))).launch(parse_spec(json.loads(sys.argv[2]))), flush=True)
time.sleep(300)
"""


def wait_for(what: Callable[[], bool], *, seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    yield home
    for folder in home.experiments.glob("*"):
        LocalExecutor().end(ExperimentFolder(folder), force=True)


def dispatcher_of(home: Home) -> int:
    """Its pid, from the line it logs when it begins."""
    lines = [line for line in home.dispatcher_log.read_text().splitlines() if "begins, pid" in line]
    return int(lines[-1].rpartition(" ")[2])


def epochs_in(folder: ExperimentFolder) -> int:
    return sum(isinstance(event, EpochEnded) for event, _ in read_events(folder.events))


def epochs_by_attempt(folder: ExperimentFolder) -> list[list[EpochEnded]]:
    """What each worker told of its epochs."""
    told: list[list[EpochEnded]] = []
    for event, _ in read_events(folder.events):
        if isinstance(event, WorkerStarted):
            told.append([])
        elif isinstance(event, EpochEnded):
            told[-1].append(event)
    return told


def students(view: ExperimentView) -> set[str]:
    return {run.run_id for run in view.runs if run.role != "teacher"}


def test_the_work_survives_everybody(
    home: Home, spec_data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILL_CHECKPOINT_SECONDS", "0")
    spec_data["student_training"]["epochs"] = 40
    spec_data["seeds"] = [0]
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(home.path), json.dumps(spec_data)], stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )
    assert launcher.stdout is not None
    name = launcher.stdout.readline().strip()
    folder, lab = home.experiment(name), Lab(home, idle_seconds=1.0)

    # The launcher and all its group: what closing a terminal does.
    wait_for(lambda: epochs_in(folder) >= 2)
    os.killpg(launcher.pid, signal.SIGKILL)
    launcher.communicate()
    assert is_held(home.dispatcher_lock)

    # The worker, in the middle of the students.
    wait_for(lambda: epochs_in(folder) >= 20)
    first = read_stamp(folder.worker_stamp)
    assert first is not None and first.attempt == 1
    os.kill(first.pid, signal.SIGKILL)
    wait_for(lambda: (stamp := read_stamp(folder.worker_stamp)) is not None and stamp.attempt == 2)

    # The dispatcher; who looks at the page starts the next.
    os.kill(dispatcher_of(home), signal.SIGKILL)
    wait_for(lambda: not is_held(home.dispatcher_lock))
    wait_for(lambda: lab.live(name, 0)["state"] == "succeeded")
    view = lab.experiment(name)
    assert view.row.attempt == 2 and all(run.state == "finished" for run in view.runs)
    assert any("without a last word" in note.text for note in view.notes)

    # From the checkpoint, not from the beginning: at most the epoch in which the worker died is told again.
    before, after = epochs_by_attempt(folder)
    assert min(event.epoch for event in after) >= max(event.epoch for event in before if event.run_id in students(view))

    # Every point once, and the weights of a run that nobody disturbed.
    points = lab.live(name, 0)["points"]
    assert len(points) == len({(run, epoch) for run, epoch, *_ in points}) == 2 + 3 * 40
    quiet = Store(Home(home.path.with_name("quiet")))
    quiet.create(parse_spec(spec_data), experiment_id="quiet", created_at=1.0)
    undisturbed = quiet.home.experiment("quiet")
    undisturbed.calibration.write_bytes(folder.calibration.read_bytes())
    command = [sys.executable, "-m", "distill_core.jobs.worker", str(undisturbed.path)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    for run in view.runs:
        assert folder.run(run.run_id).model.read_bytes() == undisturbed.run(run.run_id).model.read_bytes(), run.label
