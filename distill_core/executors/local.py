"""Runs workers as detached processes of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import psutil

from distill_core.entries import ExecutorEntry, Params
from distill_core.errors import Conflict
from distill_core.executors.devices import gpu_free_bytes, list_devices
from distill_core.executors.executor import TOKEN_VARIABLE, WORKER, Slot, read_placement
from distill_core.folders import ExperimentFolder
from distill_core.processes import holder_of, is_alive, is_held, read_stamp, reap

# `-m` finds the package from here, wherever the user's shell stands.
_ROOT = Path(__file__).resolve().parents[2]
# Processes that a worker starts inherit it: so they are known when the worker was killed alone.
_MARK = "DISTILL_WORKER_OF"


class LocalParams(Params):
    """Nothing to choose: the worker takes its device from its placement."""


class LocalExecutor:
    """One process a worker, in its own session: it outlives the terminal, the web server and the dispatcher."""

    def __init__(self, *, command: Sequence[str] = WORKER) -> None:
        self._command = tuple(command)
        # With the token of the attempt that each was started for.
        self._children: dict[Path, tuple[subprocess.Popen[bytes], str]] = {}

    def slots(self) -> list[Slot]:
        return [
            Slot(found.name, found.name, found.title, found.memory_bytes, gpu_free_bytes(found.name))
            for found in list_devices()
        ]

    def start(self, folder: ExperimentFolder) -> None:
        """Raises Conflict if the folder's worker is alive; OSError if the process cannot be started."""
        if self.status(folder) == "alive":
            raise Conflict(f"A worker is still at work in {folder.path}.")
        token = _token(folder)
        if not token:
            folder.worker_stamp.unlink(missing_ok=True)
        # A file, not a pipe: nobody has to read it for the worker to go on.
        with folder.worker_log.open("ab") as log:
            child = subprocess.Popen(
                [*self._command, str(folder.path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=_ROOT,
                start_new_session=True,
                # Threads that spin while they wait would take the cores from everybody else.
                # And the driver, which names the slots, numbers GPUs by their place; CUDA alone would by their speed.
                env=os.environ | {
                    "OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
                    TOKEN_VARIABLE: token, _MARK: str(folder.path),
                },
            )
        self._children[folder.path] = child, token
        reap(child)

    def status(self, folder: ExperimentFolder) -> Literal["none", "alive", "gone"]:
        child, token = self._children.get(folder.path, (None, ""))
        attempt = _token(folder)
        if child is not None and child.poll() is None:
            return "alive"
        stamp = read_stamp(folder.worker_stamp)
        # The lock last: it is the worker's as long as it lives, whatever became of its stamp.
        if (stamp is not None and is_alive(stamp)) or is_held(folder.worker_lock):
            return "alive"
        # Of an earlier attempt, a child says nothing of the present one, which another dispatcher may have begun.
        ours = child is not None and token == attempt
        if not ours and stamp is None:
            return "none"
        _end_orphans(folder, attempt)
        return "gone"

    def end(self, folder: ExperimentFolder, *, force: bool) -> None:
        pid = self._pid(folder)
        if pid is None:
            return
        try:
            if force:
                # Its own session, so the group is the worker and all it started, and nobody else.
                os.killpg(pid, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            # It ended by itself in between.
            pass

    def _pid(self, folder: ExperimentFolder) -> int | None:
        stamp = read_stamp(folder.worker_stamp)
        if stamp is not None and is_alive(stamp):
            return stamp.pid
        child, _ = self._children.get(folder.path, (None, ""))
        if child is not None and child.poll() is None:
            return child.pid
        return holder_of(folder.worker_lock)


def _token(folder: ExperimentFolder) -> str:
    """Of the present attempt; empty where no dispatcher placed it."""
    placement = read_placement(folder)
    return placement.token if placement else ""


def _end_orphans(folder: ExperimentFolder, token: str) -> None:
    """Kill what a dead worker started and could not end, such as loaders of data; the kernel kills the worker alone.

    By the token of its attempt, so that a successor which another dispatcher has begun meanwhile is left alone.
    """
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            told = process.environ()
            if told.get(_MARK) == str(folder.path) and told.get(TOKEN_VARIABLE) == token:
                process.kill()


ENTRY = ExecutorEntry(
    name="local",
    title="This machine",
    summary="One background process an experiment, on this machine's processor or GPU.",
    source="https://docs.python.org/3/library/subprocess.html",
    params=LocalParams,
    build=lambda params, command: LocalExecutor(command=command),
)
