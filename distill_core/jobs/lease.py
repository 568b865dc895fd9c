"""A worker's lease on its folder: held while it shows signs of life and the folder is given to nobody else."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from distill_core.errors import LabError
from distill_core.executors.executor import TOKEN_VARIABLE, Placement, read_placement
from distill_core.folders import ExperimentFolder, write_json
from distill_core.processes import hold, read_stamp
from distill_core.rows import ExperimentRow

LEASE_SECONDS, BEAT_SECONDS = 120.0, 5.0
BUSY_CODE, LOST_LEASE_CODE = 3, 4
"""What a worker exits with that meets another in its folder, or finds it given to another."""
_TRIES_FOR_THE_LOCK, _SECONDS_BETWEEN_TRIES = 5, 0.05


def lease_seconds(setting: str) -> float:
    """How long a worker may be silent, as DISTILL_LEASE_SECONDS says; raises LabError."""
    try:
        seconds = float(setting or LEASE_SECONDS)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 86_400:
        raise LabError(
            f"DISTILL_LEASE_SECONDS is {setting!r}; allowed: seconds from 1 to 86400. Unset it for {LEASE_SECONDS:g}."
        )
    return seconds


@dataclass(frozen=True)
class Claim:
    """What a worker holds for life: its lock, and of whose placement it is the worker (None: begun by hand)."""

    lock: IO[str]
    placement: Placement | None

    @property
    def token(self) -> str:
        return self.placement.token if self.placement else ""


def claim(folder: ExperimentFolder) -> Claim | int:
    """Take the folder for this process; or the code to exit with if it is another's.

    The executor tells the token that it started this process for. A process that comes so late that the folder was
    given to another, or that its own attempt has had a worker, is of no use.
    """
    # Tried a few times, because somebody probing the lock holds it for an instant.
    lock = hold(folder.worker_lock)
    for _ in range(_TRIES_FOR_THE_LOCK):
        if lock is None:
            time.sleep(_SECONDS_BETWEEN_TRIES)
            lock = hold(folder.worker_lock)
    if lock is None:
        print("Another worker has this folder.", file=sys.stderr)
        return BUSY_CODE
    placement, told = read_placement(folder), os.environ.get(TOKEN_VARIABLE, "")
    if told:
        stamp = read_stamp(folder.worker_stamp)
        worked = placement is not None and stamp is not None and stamp.attempt == placement.attempt
        if placement is None or placement.token != told or worked:
            print("This folder was given to another worker meanwhile.", file=sys.stderr)
            lock.close()
            return LOST_LEASE_CODE
    return Claim(lock, placement)


class Lease:
    """The worker's side. `token` is that of the placement it began with; empty when it was begun by hand."""

    def __init__(self, folder: ExperimentFolder, token: str, *, leave: Callable[[int], object] = os._exit) -> None:
        self._folder, self._token, self._leave = folder, token, leave

    def is_held(self) -> bool:
        if not self._token:
            return True
        placement = read_placement(self._folder)
        # A folder that is gone belongs to nobody any more, and least of all to this worker.
        return placement is not None and placement.token == self._token

    def check(self) -> None:
        """Leave at once, without another word, if the folder is another's: whatever is written now would harm it."""
        if not self.is_held():
            print("This folder was given to another worker; leaving it alone.", file=sys.stderr, flush=True)
            self._leave(LOST_LEASE_CODE)


class Heart:
    """Tells every few seconds, in a thread of its own, that the worker lives; and looks whether the lease holds."""

    def __init__(
        self, folder: ExperimentFolder, lease: Lease, token: str, *, beat_seconds: float = BEAT_SECONDS
    ) -> None:
        self._folder, self._lease, self._token, self._seconds = folder, lease, token, beat_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="heart", daemon=True)

    def __enter__(self) -> Heart:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _live(self) -> None:
        beat = 0
        while True:
            self._lease.check()
            beat += 1
            self._tell(beat)
            if self._over.wait(self._seconds):
                return

    def _tell(self, beat: int) -> None:
        try:
            write_json(self._folder.heartbeat, {"token": self._token, "beat": beat})
        except OSError:
            # On a full disk the file's time can still be set, and that is looked at as well.
            with suppress(OSError):
                os.utime(self._folder.heartbeat)


@dataclass
class _Seen:
    token: str
    sign: tuple[bytes, int]
    since: float


class Leases:
    """The dispatcher's side: who has shown no sign of life for too long, by the dispatcher's own clock alone."""

    def __init__(self, *, seconds: float = LEASE_SECONDS, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.seconds, self._monotonic = seconds, monotonic
        self._seen: dict[str, _Seen] = {}

    def is_lost(self, row: ExperimentRow, folder: ExperimentFolder) -> bool:
        """Ask at every tick: the silence is counted from the first time that it is met."""
        if not row.token:
            # Begun by an earlier version, whose workers have no heart.
            return False
        now, sign, known = self._monotonic(), _sign_of_life(folder), self._seen.get(row.experiment_id)
        if known is None or (known.token, known.sign) != (row.token, sign):
            self._seen[row.experiment_id] = _Seen(row.token, sign, now)
            return False
        return now - known.since > self.seconds

    def forget(self, experiment_id: str) -> None:
        self._seen.pop(experiment_id, None)


def _sign_of_life(folder: ExperimentFolder) -> tuple[bytes, int]:
    """Compared with itself alone: neither the count nor the time means anything by itself."""
    try:
        return folder.heartbeat.read_bytes(), folder.heartbeat.stat().st_mtime_ns
    except OSError:
        return b"", 0
