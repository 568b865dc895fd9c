"""The dispatcher as a process: started when needed, only once, and gone when idle."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from distill_core.folders import Home
from distill_core.jobs.starting import DispatcherStarter, ensure_dispatcher
from distill_core.processes import is_held


def wait_for(what: Callable[[], bool], *, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def begun(home: Home) -> int:
    """How many dispatchers have begun to work here."""
    return home.dispatcher_log.read_text().count("begins, pid") if home.dispatcher_log.exists() else 0


def test_it_is_started_once_and_again_after_it_left(tmp_path: Path) -> None:
    home, now = Home(tmp_path / "home"), [0.0]
    starter = DispatcherStarter(home, idle_seconds=0.5, monotonic=lambda: now[0])
    for _ in range(20):
        starter.ensure()
    wait_for(lambda: is_held(home.dispatcher_lock))
    now[0] = 100.0
    starter.ensure()
    assert ensure_dispatcher(home) is None
    wait_for(lambda: not is_held(home.dispatcher_lock))
    assert begun(home) == 1
    wait_for(lambda: "leaves" in home.dispatcher_log.read_text())
    now[0] = 200.0
    starter.ensure()
    wait_for(lambda: begun(home) == 2)


def test_several_starters_at_once_leave_one_dispatcher(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    started = [process for process in (ensure_dispatcher(home, idle_seconds=1.0) for _ in range(4)) if process]
    assert all(process.wait(timeout=30) == 0 for process in started)
    assert begun(home) == 1


def test_it_loads_neither_torch_nor_streamlit() -> None:
    code = (
        "import sys, distill_core.jobs.dispatcher, distill_core.executors;"
        "sys.exit(' '.join(name for name in ('torch', 'streamlit', 'alembic') if name in sys.modules) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
