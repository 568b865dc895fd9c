"""The processes around a shared training: which is which, and what is told of one that dies."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from distill_core.errors import SpecError
from distill_core.executors.executor import Placement
from distill_core.folders import ExperimentFolder
from distill_core.jobs.crew import Crew, HelperLost
from distill_core.jobs.ranks import check_size, devices_of, is_helper, threads_each

TORCHRUN = {"RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500", "LOCAL_RANK": "3"}


def placed(device: str, *slots: str) -> Placement:
    return Placement(token="t", attempt=1, slots=slots, device=device)


@pytest.mark.parametrize(
    ("device", "placement", "environment", "expected"),
    [
        ("cpu", None, {}, ["cpu", "cpu"]),
        ("cuda:2", placed("cuda:2", "cuda:2", "cuda:5"), {}, ["cuda:2", "cuda:5"]),
        # On a cluster slots have the nodes' names, and a worker sees the GPUs it was given.
        ("cuda:0", placed("cuda:0", "node-1/a", "node-1/b"), {}, ["cuda:0", "cuda:1"]),
        ("cuda:1", None, {}, ["cuda:1", "cuda:2"]),
        ("cuda:0", None, TORCHRUN, ["cuda:3", "cuda:3"]),
    ],
)
def test_each_process_has_its_device(
    device: str, placement: Placement | None, environment: dict[str, str], expected: list[str]
) -> None:
    assert devices_of(2, device, placement, environment) == expected


def test_who_helps_is_told_by_torchruns_variables() -> None:
    assert is_helper(TORCHRUN) and not is_helper(TORCHRUN | {"RANK": "0"})
    assert not is_helper({}) and not is_helper({"RANK": "1"}), "some other tool's variable"
    check_size(TORCHRUN, 4)
    with pytest.raises(SpecError, match="processes is 2; allowed: 4, as many as were started"):
        check_size(TORCHRUN, 2)


def test_processes_share_the_processors_threads() -> None:
    assert [threads_each(4, count, "cpu") for count in (1, 2, 3, 8)] == [4, 2, 1, 1]
    assert threads_each(4, 8, "cuda:0") == 4


def crew(folder: Path, program: str, **settings: Any) -> Crew:
    command = [sys.executable, "-c", program]
    settings.setdefault("on_hang", lambda lost: None)
    return Crew(ExperimentFolder(folder), ["cpu", "cpu"], command=command, **settings)


@pytest.mark.parametrize(
    ("program", "failure", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed", "signal 9"),
        ("raise SystemExit(1)", "error", "exit code 1"),
        ("raise SystemExit(11)", "out-of-memory", "memory"),
        ("raise SystemExit(12)", "gpu-out-of-memory", "GPU's memory"),
    ],
)
def test_a_helper_that_does_not_come_is_told_with_its_class(
    tmp_path: Path, program: str, failure: str, words: str
) -> None:
    with crew(tmp_path, program) as started, pytest.raises(HelperLost, match=words) as caught:
        started.assemble()
    assert caught.value.failure == failure and "Process 2 of 2" in caught.value.sentence


def test_a_death_that_nothing_else_shows_is_told_all_the_same(tmp_path: Path) -> None:
    """As with NCCL, whose calls do not come back."""
    told, seen = threading.Event(), []

    def hang(lost: HelperLost) -> None:
        seen.append(lost.failure)
        told.set()

    with crew(tmp_path, "raise SystemExit(12)", on_hang=hang, seconds_to_leave=0.2):
        assert told.wait(60)
    assert seen == ["gpu-out-of-memory"]


def test_helpers_leave_with_the_block(tmp_path: Path) -> None:
    with crew(tmp_path, "import sys; sys.stdin.read()") as started:
        (helper,) = started._helpers
        assert helper.poll() is None
    assert helper.returncode == 0


LEADS = """
import sys
from pathlib import Path
from distill_core.folders import ExperimentFolder
from distill_core.jobs.crew import Crew
waits = [sys.executable, "-c", "import sys; sys.stdin.read()"]
crew = Crew(ExperimentFolder(Path(sys.argv[1])), ["cpu"] * 3, on_hang=print, command=waits).__enter__()
print(*(helper.pid for helper in crew._helpers), flush=True)
sys.stdin.read()
"""


def test_helpers_leave_when_the_worker_is_killed(tmp_path: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", LEADS, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert worker.stdout is not None
        helpers = [psutil.Process(int(pid)) for pid in worker.stdout.readline().split()]
        assert len(helpers) == 2
    finally:
        worker.kill()
        worker.communicate()
    assert psutil.wait_procs(helpers, timeout=30)[1] == []
