"""Asks the warm preview process what needs torch, and starts it when it is not there; loads no torch itself."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import distill_core
from distill_core import errors
from distill_core.errors import HelperUnavailable, LabError, Problem, SpecError
from distill_core.folders import Home
from distill_core.processes import environment_for_jobs

IDLE_SECONDS = 300.0
START_SECONDS = 30.0
_POLL_SECONDS = 0.02
# Once more for a process that ended or was outdated, not again and again for a request that kills it.
_TRIES = 2
# Linux allows 108 bytes and macOS 104, both with a closing zero.
_LONGEST_ADDRESS_BYTES = 100
_KNOWN_ERRORS = {
    error.__name__: error
    for error in (
        errors.DataError, errors.DeviceError, errors.Diverged, errors.ExportError, errors.NotFound, errors.Conflict,
        errors.WeightsUnavailable, errors.WeightsMismatch, HelperUnavailable,
    )
}


def code_version() -> str:
    """Changes whenever a source file of this package does; costs about a millisecond."""
    root = Path(distill_core.__file__).parent
    seen = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        status = path.stat()
        seen.update(f"{path.relative_to(root)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return seen.hexdigest()[:16]


def socket_address(home: Home) -> Path:
    """Where the process listens: in the home folder, else under a short name if that path is too long for a socket."""
    if len(os.fsencode(home.preview_socket)) <= _LONGEST_ADDRESS_BYTES:
        return home.preview_socket
    name = hashlib.sha256(os.fsencode(home.path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"distill-{os.getuid()}-{name}.sock"


def recorded_address(home: Home) -> Path | None:
    """Where the last process said that it listens; it may be gone by now."""
    try:
        return Path(json.loads(home.preview_lock.read_text(encoding="utf-8"))["socket"])
    # Half a record is met while a new process writes its own: it is not ready yet.
    except (OSError, ValueError, KeyError, TypeError):
        return None


def connect(home: Home) -> socket.socket | None:
    """A connection to the running process, or None if none listens."""
    address = recorded_address(home)
    if address is None:
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(address))
    except OSError:
        connection.close()
        return None
    return connection


@dataclass(frozen=True)
class RelayedProblem(Problem):
    """A problem in the words of the process that found it: JSON keeps a value, but not always its type."""

    words: str = ""

    def __str__(self) -> str:
        return self.words


class PreviewClient:
    """Safe to share between threads. A process that was killed, or runs older code, is replaced by a new one."""

    def __init__(
        self, home: Home, *, idle_seconds: float = IDLE_SECONDS, version: Callable[[], str] = code_version
    ) -> None:
        self._home, self._idle_seconds, self._version = home, idle_seconds, version
        self._starting = threading.Lock()
        self._numbers = itertools.count(1)

    def ask(
        self, kind: str, payload: Mapping[str, Any] | None = None, *, timeout_seconds: float = 60.0
    ) -> dict[str, Any]:
        """The result of one request: kinds are ping, profile, check, layers, variants, self-check
        and leave.

        Raises what the process found wrong (SpecError with its problems, DataError, DeviceError, ...), or
        HelperUnavailable if it cannot be started or does not answer in time.
        """
        deadline = time.monotonic() + timeout_seconds
        version = self._version()
        request = {**(payload or {}), "id": next(self._numbers), "kind": kind, "code": version}
        line = json.dumps(request).encode() + b"\n"
        for _ in range(_TRIES):
            with connect(self._home) or self._start(version, deadline) as connection:
                answer = self._exchange(connection, line, deadline)
            if answer is None or answer.get("stale"):
                continue
            if answer["ok"]:
                return dict(answer["result"])
            raise _error(answer)
        raise HelperUnavailable(self._sentence("ended before it answered"))

    def _exchange(self, connection: socket.socket, line: bytes, deadline: float) -> dict[str, Any] | None:
        """The answer, or None if the process ended before giving one."""
        received = bytearray()
        try:
            connection.settimeout(max(deadline - time.monotonic(), 0.01))
            connection.sendall(line)
            while not received.endswith(b"\n"):
                connection.settimeout(max(deadline - time.monotonic(), 0.01))
                part = connection.recv(1 << 16)
                if not part:
                    return None
                received += part
        except TimeoutError:
            raise HelperUnavailable(self._sentence("did not answer in time")) from None
        except OSError:
            return None
        answer: dict[str, Any] = json.loads(received)
        return answer

    def _start(self, version: str, deadline: float) -> socket.socket:
        """Start a process and connect to it. Of several started at once only one stays, and serves all."""
        with self._starting:
            connection = connect(self._home)
            if connection is not None:
                return connection
            self._spawn(version)
            until = min(deadline, time.monotonic() + START_SECONDS)
            while time.monotonic() < until:
                connection = connect(self._home)
                if connection is not None:
                    return connection
                time.sleep(_POLL_SECONDS)
        raise HelperUnavailable(self._sentence("did not start in time"))

    def _spawn(self, version: str) -> None:
        with self._home.usable():
            log = self._home.preview_log.open("ab")
        root = str(Path(distill_core.__file__).parents[1])
        inherited = os.environ.get("PYTHONPATH")
        environment = environment_for_jobs() | {
            # A waiting thread must not spin on a core that a training could use.
            "OMP_WAIT_POLICY": "PASSIVE",
            "PYTHONPATH": os.pathsep.join([root, inherited] if inherited else [root]),
        }
        command = [
            sys.executable, "-m", "distill_core.jobs.preview", "--home", str(self._home.path),
            "--idle-seconds", str(self._idle_seconds), "--code", version, "--detach",
        ]
        with log:
            # It detaches itself and returns at once, so that this process never has a child to bury.
            ended = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True,
                check=False,
            )
        if ended.returncode:
            raise HelperUnavailable(self._sentence("could not start"))

    def _sentence(self, what: str) -> str:
        return f"The background helper process {what}; try again, its log is {self._home.preview_log}."


def _error(answer: Mapping[str, Any]) -> LabError:
    """The error as it was raised on the other side."""
    if answer.get("problems"):
        return SpecError(
            [
                RelayedProblem(item["field"], item["raw"], item["allowed"], item["remedy"], words=item["sentence"])
                for item in answer["problems"]
            ]
        )
    return _KNOWN_ERRORS.get(answer.get("error", ""), LabError)(answer["sentence"])
