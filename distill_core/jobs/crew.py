"""The processes that share an experiment's training: the worker starts them, watches them, and takes them along."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil
import torch
import torch.distributed as dist

from distill_core.errors import LabError
from distill_core.events import Emit, Failure, WorkerEnded
from distill_core.executors.devices import resolve_device
from distill_core.executors.executor import read_placement
from distill_core.folders import ExperimentFolder
from distill_core.jobs.ranks import HELPER_MARK, check_size, devices_of, here, is_one_of_several
from distill_core.spec import ExperimentSpec
from distill_core.training.leading import Leader
from distill_core.training.team import Team, TeamBroken

HELPER = (sys.executable, "-m", "distill_core.jobs.helper")
"""The command of a helper, but for its folder and device."""
OUT_OF_MEMORY, GPU_OUT_OF_MEMORY = 11, 12
"""How a helper exits that found no memory."""
_HOST = "127.0.0.1"
_LONGEST_START_SECONDS = 300.0
_SECONDS_TO_LEAVE = 10.0
_SECONDS_BETWEEN_LOOKS = 0.1
_CLASSES: Mapping[int, tuple[Failure, str]] = {
    OUT_OF_MEMORY: ("out-of-memory", "found the machine's memory too small"),
    GPU_OUT_OF_MEMORY: ("gpu-out-of-memory", "found its GPU's memory too small"),
}


class HelperLost(LabError):
    """A process that shared the training is gone; `failure` is the class of that."""

    def __init__(self, sentence: str, failure: Failure) -> None:
        super().__init__(sentence)
        self.failure: Failure = failure


class Crew:
    """Starts the helpers of one worker and makes the team of them.

    Begun by torchrun, which sets RANK and its like, the others are there already, perhaps on other machines. Leaving
    the block ends all helpers that were started here; so does the worker's death, for their input then closes.
    """

    def __init__(
        self, folder: ExperimentFolder, devices: Sequence[str], *, on_hang: Callable[[HelperLost], None],
        environment: Mapping[str, str] = os.environ, command: Sequence[str] = HELPER,
        seconds_to_leave: float = _SECONDS_TO_LEAVE,
    ) -> None:
        """`devices`: of each process, the worker's first. `on_hang`: a helper is gone and nothing else showed it."""
        self._folder, self._devices, self._on_hang = folder, tuple(devices), on_hang
        self._environment, self._command = environment, tuple(command)
        self._seconds_to_leave = seconds_to_leave
        self._helpers: list[subprocess.Popen[bytes]] = []
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look_after, name="helpers", daemon=True)
        self._store: dist.Store | None = None

    def __enter__(self) -> Crew:
        """Start the helpers, which load torch while the worker goes on. Raises SpecError, OSError."""
        if is_one_of_several(self._environment):
            check_size(self._environment, len(self._devices))
            return self
        os.environ.update(_loopback_only())
        # Our own socket, for the store would listen on every address of the machine.
        listening = socket.create_server((_HOST, 0))
        port = listening.getsockname()[1]
        self._store = dist.TCPStore(
            _HOST, port, is_master=True, wait_for_workers=False, master_listen_fd=listening.detach()
        )
        try:
            for rank, device in enumerate(self._devices[1:], start=1):
                self._helpers.append(self._start(rank, device, port))
        except OSError:
            self._end()
            raise
        self._watch.start()
        return self

    def _start(self, rank: int, device: str, port: int) -> subprocess.Popen[bytes]:
        # In the worker's group, so that whoever kills it by force ends its helpers too; its log is theirs.
        return subprocess.Popen(
            [*self._command, str(self._folder.path), device],
            stdin=subprocess.PIPE, cwd=Path(__file__).resolve().parents[2],
            env={
                **self._environment, **_loopback_only(), "RANK": str(rank), "WORLD_SIZE": str(len(self._devices)),
                "MASTER_ADDR": _HOST, "MASTER_PORT": str(port), HELPER_MARK: "yes",
            },
        )

    def assemble(self) -> Leader:
        """Wait until all helpers are there. Raises HelperLost, LabError where they do not come."""
        size, device = len(self._devices), torch.device(self._devices[0])
        if self._store is None:
            store, rank, size = next(dist.rendezvous("env://"))
            return Leader(Team(store, rank=rank, size=size, device=device))
        until = time.monotonic() + _LONGEST_START_SECONDS
        while not self._store.check([here(rank) for rank in range(1, size)]):
            if any(helper.poll() is not None for helper in self._helpers):
                raise self.lost()
            if time.monotonic() > until:
                raise LabError(f"The helper processes did not start within {_LONGEST_START_SECONDS:.0f} s.")
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        return Leader(Team(self._store, rank=0, size=size, device=device), on_dismiss=self._over.set)

    def lost(self) -> HelperLost:
        """What became of whom, once the team is broken."""
        until = time.monotonic() + self._seconds_to_leave
        while time.monotonic() < until:
            for number, helper in enumerate(self._helpers, start=2):
                code = helper.poll()
                if code:
                    return _lost(number, len(self._devices), code)
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        return HelperLost("The connection to a process that shared the training broke.", "killed")

    def _look_after(self) -> None:
        """Of a helper that dies the next exchange tells; where it does not, this does, a little later."""
        while not self._over.wait(_SECONDS_BETWEEN_LOOKS):
            if any(helper.poll() for helper in self._helpers):
                if not self._over.wait(self._seconds_to_leave):
                    self._on_hang(self.lost())
                return

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._end()

    def _end(self) -> None:
        for helper in self._helpers:
            assert helper.stdin is not None
            helper.stdin.close()
        until = time.monotonic() + self._seconds_to_leave
        for helper in self._helpers:
            try:
                helper.wait(max(until - time.monotonic(), 0.0))
            except subprocess.TimeoutExpired:
                helper.kill()
                helper.wait()


def _lost(number: int, size: int, code: int) -> HelperLost:
    who = f"Process {number} of {size} that share the training"
    if code < 0:
        return HelperLost(f"{who} was killed (signal {-code}).", "killed")
    failure, what = _CLASSES.get(code, ("error", f"failed (exit code {code})"))
    return HelperLost(f"{who} {what}; the log has more.", failure)


def work_together(
    spec: ExperimentSpec, folder: ExperimentFolder, emit: Emit, work: Callable[..., WorkerEnded]
) -> WorkerEnded:
    """Run an experiment whose training several processes share; `work` is `run_experiment` but for `assemble`."""
    placement = read_placement(folder)

    def hang(lost: HelperLost) -> None:
        # The main thread waits for somebody who is no more, and cannot be woken: this is the worker's last word.
        emit(_last_word(lost).model_copy(update={"token": placement.token if placement else ""}))
        os._exit(1)

    devices = devices_of(spec.processes, resolve_device(spec.device), placement, os.environ)
    with Crew(folder, devices, on_hang=hang) as crew:
        try:
            return work(assemble=crew.assemble)
        except TeamBroken as broken:
            # What the connection itself told, for whom the sentence about a process is not enough.
            print(broken.sentence, file=sys.stderr)
            return _last_word(crew.lost())
        except HelperLost as lost:
            return _last_word(lost)


def _last_word(lost: HelperLost) -> WorkerEnded:
    return WorkerEnded(at=time.time(), outcome="failed", reason=lost.sentence, failure=lost.failure)


def _loopback_only() -> dict[str, str]:
    """What keeps gloo's and NCCL's connections on this machine."""
    for name, addresses in psutil.net_if_addrs().items():
        if any(address.address == _HOST for address in addresses):
            return {"GLOO_SOCKET_IFNAME": name, "NCCL_SOCKET_IFNAME": name}
    return {}
