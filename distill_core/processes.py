"""Which process is which: stamps of pid and start, liveness, and locks that die with their holder."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import psutil

from distill_core.folders import read_json, write_json

SIGN_IN_SECRETS = frozenset({
    "DISTILL_TOKEN", "DISTILL_OPERATOR_TOKEN", "DISTILL_VIEWER_TOKEN", "DISTILL_OIDC_CLIENT_SECRET",
    "DISTILL_COOKIE_SECRET",
})
"""Environment variables that only the server may know: whoever reads them can sign in as anybody."""
_probing = threading.Lock()
_SECONDS_BETWEEN_TRIES = 0.1
# Locks of lock_held that this process has: lockf knows no nesting, and closing any handle of a file lets go.
_held_here: set[Path] = set()


@dataclass(frozen=True)
class Stamp:
    """What a worker leaves in its folder before anything slow.

    `identity` names the process for as long as the machine is up; a pid alone is given out again.
    `events_offset` is the length of events.jsonl when the worker began, in bytes: later events are its own.
    """

    pid: int
    start_time: float
    identity: str
    attempt: int
    events_offset: int
    kernel_kills: int | None = None
    """How many processes the kernel had killed for want of memory by then; None where it does not tell."""


def environment_for_jobs() -> dict[str, str]:
    """This process's environment without the secrets of signing in, for processes that outlive whoever starts them.

    CUDA numbers GPUs as the driver does, by their place, which is how devices are named; alone it would by their speed.
    """
    kept = {name: value for name, value in os.environ.items() if name not in SIGN_IN_SECRETS}
    return kept | {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def identity_of(pid: int) -> str | None:
    """A name no other process of this boot has; None if there is no such process or it is a zombie.

    On Linux from /proc, which a change of the clock does not touch; elsewhere the start time.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError):
        return None if Path("/proc/self/stat").exists() else _identity_by_start_time(pid)
    # The command may hold spaces and brackets; state and start (in ticks since boot) come after it.
    fields = stat[stat.rindex(")") + 2 :].split()
    if fields[0] in "ZX":
        return None
    return f"{_boot_id()}:{pid}:{fields[19]}"


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "boot"


def _identity_by_start_time(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{pid}:{process.create_time():.2f}"
    except psutil.Error:
        return None


def boot_of(identity: str | None) -> str:
    """The boot that an identity is of; of None the present one of this machine."""
    return _boot_id() if identity is None else identity.partition(":")[0]


def write_stamp(path: Path, *, attempt: int, events_offset: int, kernel_kills: int | None = None) -> Stamp:
    """Stamp this process."""
    pid = os.getpid()
    identity = identity_of(pid)
    assert identity is not None, "a process that runs is alive"
    stamp = Stamp(pid, psutil.Process().create_time(), identity, attempt, events_offset, kernel_kills)
    write_json(path, asdict(stamp))
    return stamp


def read_stamp(path: Path) -> Stamp | None:
    """None if there is no stamp, or it is damaged: then nobody can be found by it."""
    try:
        return Stamp(**read_json(path))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def is_alive(stamp: Stamp) -> bool:
    return identity_of(stamp.pid) == stamp.identity


def reap(process: subprocess.Popen[bytes]) -> None:
    """Wait for a child in a thread of its own: one that ends unwatched would stay a zombie as long as this process."""
    threading.Thread(target=process.wait, name=f"reaps-{process.pid}", daemon=True).start()


def hold(path: Path, *, shared: bool = False) -> IO[str] | None:
    """Lock a file until the returned handle is closed or the process ends; None if another process has it.

    `shared`: together with others that hold it so.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+")
    try:
        fcntl.lockf(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def is_held(path: Path) -> bool:
    """Whether another process holds the lock. Not for the holder: closing any handle would release its own lock."""
    if not path.exists():
        return False
    with _probing, path.open("r") as file:
        try:
            # A shared lock, so that probes of several processes do not meet each other as holders.
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def holder_of(path: Path) -> int | None:
    """The process that holds the lock alone; None if nobody does, or the system does not tell."""
    if not sys.platform.startswith("linux") or not path.exists():
        return None
    # struct flock of fcntl(2) on 64-bit Linux: type, whence, start, length, pid.
    layout = "hhqqi4x"
    question = struct.pack(layout, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
    with _probing, path.open("r") as file:
        kind, _, _, _, pid = struct.unpack(layout, fcntl.fcntl(file, fcntl.F_GETLK, question))
    return pid if kind == fcntl.F_WRLCK and pid > 0 else None


@contextmanager
def lock_held(
    path: Path, *, shared: bool = False, wait: bool = True, should_stop: Callable[[], bool] = lambda: False,
    on_wait: Callable[[], object] = lambda: None, sleep: Callable[[float], None] = time.sleep,
) -> Iterator[bool]:
    """Hold a lock file for the block, such as Home.processor_lock, so that nobody trains beside a measurement.

    Yields whether it is held: not if another process has it and `wait` is false, or a stop was asked for while waiting,
    which `on_wait` is told of once. A process that holds it already gets it again at once. One thread at a time.
    """
    if path in _held_here:
        yield True
        return
    lock = hold(path, shared=shared)
    if lock is None and wait:
        on_wait()
        while lock is None and not should_stop():
            sleep(_SECONDS_BETWEEN_TRIES)
            lock = hold(path, shared=shared)
    if lock is None:
        yield False
        return
    _held_here.add(path)
    try:
        yield True
    finally:
        _held_here.discard(path)
        lock.close()
