"""Starts the dispatcher when it is needed and not there; cheap enough to ask at every page view."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from distill_core.executors import chosen_executor
from distill_core.folders import Home
from distill_core.processes import environment_for_jobs, is_held, reap

# A page that polls must not start a process at every tick while one is still coming up.
_SECONDS_BETWEEN_STARTS = 3.0


def ensure_dispatcher(home: Home, *, idle_seconds: float = 30.0) -> subprocess.Popen[bytes] | None:
    """Start the dispatcher detached if none is at work; returns the process if one was started.

    Raises LabError where it could not work: an unusable home, an executor that there is not.
    """
    with home.usable():
        if is_held(home.dispatcher_lock):
            return None
        errors = home.dispatcher_log.open("ab")
    with errors:
        chosen_executor()
        return subprocess.Popen(
            [sys.executable, "-m", "distill_core.jobs.dispatcher", str(home.path), str(idle_seconds)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True,
            env=environment_for_jobs(), cwd=Path(__file__).resolve().parents[2],
        )


class DispatcherStarter:
    """Keeps one home's dispatcher going on behalf of this process; those it started leave no zombie. Thread-safe."""

    def __init__(
        self, home: Home, *, idle_seconds: float = 30.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._home, self._idle_seconds, self._monotonic = home, idle_seconds, monotonic
        self._lock = threading.Lock()
        self._started: list[subprocess.Popen[bytes]] = []
        self._last = float("-inf")

    def ensure(self) -> None:
        with self._lock:
            self._started = [process for process in self._started if process.poll() is None]
            coming_up = self._started and self._monotonic() - self._last < _SECONDS_BETWEEN_STARTS
            if coming_up:
                return
            process = ensure_dispatcher(self._home, idle_seconds=self._idle_seconds)
            if process is not None:
                self._last = self._monotonic()
                self._started.append(process)
                reap(process)
