"""The dispatcher as a process: started when needed, only once, and gone when idle."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from distill_core.errors import LabError
from distill_core.folders import Home, HomeUnusable
from distill_core.jobs import starting
from distill_core.jobs.starting import DispatcherStarter, ensure_dispatcher
from distill_core.processes import is_held


def wait_for(what: Callable[[], bool], *, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def end_all(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
        process.wait()


def begun(home: Home) -> int:
    """How many dispatchers have begun to work here."""
    return home.dispatcher_log.read_text().count("begins, pid") if home.dispatcher_log.exists() else 0


def test_it_is_started_once_and_again_after_it_left(tmp_path: Path) -> None:
    home, now = Home(tmp_path / "home"), [0.0]
    # Long enough to be met while it is up, also on a busy machine.
    starter = DispatcherStarter(home, idle_seconds=5.0, monotonic=lambda: now[0])
    for _ in range(20):
        starter.ensure()
    wait_for(lambda: is_held(home.dispatcher_lock))
    now[0] = 100.0
    starter.ensure()
    assert ensure_dispatcher(home) is None
    wait_for(lambda: "leaves" in home.dispatcher_log.read_text())
    wait_for(lambda: not is_held(home.dispatcher_lock))
    assert begun(home) == 1
    now[0] = 200.0
    starter.ensure()
    wait_for(lambda: begun(home) == 2)
    end_all(starter._started)


def test_several_starters_at_once_leave_one_dispatcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "home")
    # As if all had looked before the first was up.
    monkeypatch.setattr(starting, "is_held", lambda path: False)
    # Idle for longer than the slowest needs to start: whoever came late would else find the lock free again.
    started = [process for process in (ensure_dispatcher(home, idle_seconds=600.0) for _ in range(4)) if process]
    assert len(started) == 4
    wait_for(lambda: sum(process.poll() == 0 for process in started) == len(started) - 1, seconds=60)
    # The lock is taken before the line is written, and may be all that the others met.
    wait_for(lambda: begun(home) > 0)
    assert begun(home) == 1 and is_held(home.dispatcher_lock)
    end_all(started)


@pytest.mark.parametrize("home", ["a file", "below/a file"])
def test_a_home_that_cannot_be_used_is_told_by_who_starts_and_by_the_dispatcher(tmp_path: Path, home: str) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "a file").touch()
    (tmp_path / "below" / "a file").touch()
    at = Home(tmp_path / home if home == "a file" else tmp_path / home / "home")
    with pytest.raises(HomeUnusable, match="Set DISTILL_HOME"):
        ensure_dispatcher(at)
    command = [sys.executable, "-m", "distill_core.jobs.dispatcher", str(at.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Set DISTILL_HOME" in done.stderr and "Traceback" not in done.stderr


def test_an_unknown_executor_starts_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILL_EXECUTOR", "slurm")
    with pytest.raises(LabError, match="DISTILL_EXECUTOR is 'slurm'; allowed: ray, local"):
        ensure_dispatcher(Home(tmp_path))
    command = [sys.executable, "-m", "distill_core.jobs.dispatcher", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.startswith("DISTILL_EXECUTOR is 'slurm'; allowed: ray, local.")


def test_it_loads_neither_torch_nor_streamlit() -> None:
    code = (
        "import sys, distill_core.jobs.dispatcher, distill_core.executors;"
        "sys.exit(' '.join(name for name in ('torch', 'streamlit', 'alembic') if name in sys.modules) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
