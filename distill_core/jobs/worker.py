"""`python -m distill_core.jobs.worker FOLDER`: works on one experiment and tells everything in its folder."""

from __future__ import annotations

import faulthandler
import math
import os
import secrets
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from distill_core.deployment.machine import cpu_model, machine_name
from distill_core.errors import LabError
from distill_core.event_log import EventLog, read_lines
from distill_core.events import Event, Noted, Resources, StateChanged, WorkerEnded, WorkerStarted
from distill_core.executors.devices import (
    default_threads,
    gpu_memory_bytes,
    list_devices,
    package_versions,
    resolve_device,
)
from distill_core.executors.executor import Placement
from distill_core.folders import ExperimentFolder, Home, read_json
from distill_core.jobs.judging import failure_of, kernel_kills
from distill_core.jobs.lease import Heart, Lease, claim
from distill_core.jobs.log_cap import LogCap
from distill_core.jobs.ranks import devices_of, is_helper, threads_each
from distill_core.processes import lock_held, write_stamp
from distill_core.spec import ExperimentSpec, read_spec

_NICENESS_ON_CPU = 10
CHECKPOINT_SECONDS = 10.0
_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_BETWEEN_RESOURCES = 5.0
_LONGEST_REASON = 300
_WAITS = "Waits while another experiment measures latency on this {}."


class StopWish:
    """True once SIGTERM came or the stop file lies in the folder; looks for the file at most 5 times a second."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._wanted, self._looked = False, float("-inf")

    def __call__(self) -> bool:
        now = self._clock()
        if not self._wanted and now - self._looked >= _SECONDS_BETWEEN_LOOKS:
            self._looked = now
            self._wanted = self._path.exists()
        return self._wanted

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        self._wanted = True


class Teller:
    """The worker's event log, shared by the pipeline and the thread that watches memory; only while the lease holds."""

    def __init__(self, log: EventLog, lease: Lease) -> None:
        self._log, self._lease, self._lock = log, lease, threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._lease.check()
            self._log(event)


class ResourceWatch:
    """Tells memory and processor use every few seconds until stopped."""

    def __init__(self, emit: Callable[[Event], None], *, device: str) -> None:
        self._emit, self._device, self._over = emit, device, threading.Event()
        self._thread = threading.Thread(target=self._watch, name="resources", daemon=True)

    def __enter__(self) -> ResourceWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        process = psutil.Process()
        # The first call only sets the mark from which the next measures.
        process.cpu_percent()
        while not self._over.wait(_SECONDS_BETWEEN_RESOURCES):
            self._emit(
                Resources(
                    at=time.time(), memory_bytes=process.memory_info().rss + _memory_of_helpers(process),
                    gpu_memory_bytes=gpu_memory_bytes(self._device, pid=os.getpid()), cpu_percent=process.cpu_percent(),
                )
            )


def _memory_of_helpers(process: psutil.Process) -> int:
    """Bytes that the processes hold which share the training."""
    found = 0
    for helper in process.children():
        # One may leave in between.
        with suppress(psutil.Error):
            found += helper.memory_info().rss
    return found


def main(arguments: list[str]) -> int:
    """0: succeeded or stopped as asked; 1: failed; 3: another worker has the folder; 4: it was given to another."""
    folder = ExperimentFolder(Path(arguments[0]).resolve())
    if is_helper(os.environ):
        return _help(folder)
    should_stop = StopWish(folder.stop_request)
    signal.signal(signal.SIGTERM, should_stop.on_signal)
    claimed = claim(folder)
    if isinstance(claimed, int):
        return claimed
    placement, token = claimed.placement, claimed.token
    attempt, lease = placement.attempt if placement else _attempt(folder), Lease(folder, token)
    log = EventLog(folder.events)
    write_stamp(
        folder.worker_stamp, attempt=attempt, events_offset=folder.events.stat().st_size, kernel_kills=kernel_kills()
    )
    faulthandler.enable()
    # Everything up to here must stay quick and free of torch: the page shows `starting` from the stamp on.
    with LogCap(folder.worker_log), Heart(folder, lease, token):
        emit = Teller(log, lease)
        ended = _work(folder, emit, should_stop, placement, lease).model_copy(update={"token": token})
        emit(ended)
        log.close()
    claimed.lock.close()
    return 1 if ended.outcome == "failed" else 0


def _work(
    folder: ExperimentFolder, emit: Teller, should_stop: Callable[[], bool], placement: Placement | None, lease: Lease
) -> WorkerEnded:
    """Run the experiment; whatever happens becomes its last word."""
    token = placement.token if placement else ""
    try:
        spec = read_spec(folder.spec)
        # Begun by hand, it chooses by itself.
        device = placement.device if placement else resolve_device(spec.device)
    except LabError as error:
        _started(emit, device="cpu", threads=1, token=token)
        return _failed(error, error.sentence)
    threads = threads_each(default_threads(), spec.processes, device)
    _started(emit, device=device, threads=threads, token=token)
    if device == "cpu":
        os.nice(_NICENESS_ON_CPU)
    # torch reads these once, when it is loaded.
    os.environ.update(OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads), OMP_WAIT_POLICY="PASSIVE")
    # Large tensors in large pages: the same numbers, for an eighth less time in networks for images.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    try:
        with ExitStack() as held:
            for lock, shared in _device_locks(folder.home, device, placement):
                waits = Noted(at=time.time(), text=_WAITS.format("processor" if device == "cpu" else "GPU"))
                taken = lock_held(lock, shared=shared, should_stop=should_stop, on_wait=partial(emit, waits))
                if not held.enter_context(taken):
                    return WorkerEnded(at=time.time(), outcome="cancelled", reason="Stopped while it waited to begin.")
            held.enter_context(ResourceWatch(emit, device=device))
            placed = spec.model_copy(update={"device": device})
            _keep_to_share(placement)
            return _run(placed, folder, emit, should_stop, threads=threads, fence=lease.check)
    except LabError as error:
        return _failed(error, error.sentence)
    except MemoryError as error:
        return _failed(error, "The machine's memory did not suffice.")
    except Exception as error:
        error_id = secrets.token_hex(4)
        print(f"error id {error_id}", file=sys.stderr)
        traceback.print_exc()
        short = " ".join(str(error).split())[:_LONGEST_REASON]
        return _failed(error, f"{type(error).__name__}: {short or 'no message'}. See the log, error id {error_id}.")


def _failed(error: Exception, reason: str) -> WorkerEnded:
    return WorkerEnded(at=time.time(), outcome="failed", reason=reason, failure=failure_of(error))


def _device_locks(home: Home, device: str, placement: Placement | None) -> list[tuple[Path, bool]]:
    """What keeps measurements away from where this worker trains, and whether others may train there too."""
    if device == "cpu" and (placement is None or placement.slots == ("cpu",)):
        return [(home.processor_lock, False)]
    slots = placement.slots if placement else (device,)
    shared = placement is not None and placement.gpu_memory_bytes > 0
    # In one order for all, so that nobody waits for somebody who waits for them.
    return [(home.device_lock(slot), shared) for slot in sorted(set(slots))]


def _keep_to_share(placement: Placement | None) -> None:
    """Who declared how much of a GPU it needs runs out of memory itself beyond that, not its neighbours there."""
    if placement is None or not placement.gpu_memory_bytes:
        return
    import torch

    total = torch.cuda.get_device_properties(placement.device).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, placement.gpu_memory_bytes / total), placement.device)


def _run(
    spec: ExperimentSpec, folder: ExperimentFolder, emit: Teller, should_stop: Callable[[], bool], *, threads: int,
    fence: Callable[[], None],
) -> WorkerEnded:
    # Loads torch, which takes seconds.
    from distill_core.pipeline import run_experiment

    request = _optional(folder.request)
    work = partial(
        run_experiment, spec, folder, reuse=_optional(folder.reuse), request=request, emit=emit,
        should_stop=should_stop, clock=time.time, threads=threads, fence=fence,
        checkpoint_seconds=checkpoint_seconds(os.environ.get("DISTILL_CHECKPOINT_SECONDS", "")),
    )
    if spec.processes == 1 or not request.get("train", True):
        return work()
    from distill_core.jobs.crew import work_together

    return work_together(spec, folder, emit, work)


def _help(folder: ExperimentFolder) -> int:
    """Started by torchrun as one of several, and not the first."""
    from distill_core.jobs.helper import main as help_out

    spec = read_spec(folder.spec)
    return help_out(folder, devices_of(spec.processes, resolve_device(spec.device), None, os.environ)[0])


def checkpoint_seconds(setting: str) -> float:
    """Seconds of training between checkpoints, which is about what a kill costs; raises LabError."""
    try:
        seconds = float(setting or CHECKPOINT_SECONDS)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise LabError(
            f"DISTILL_CHECKPOINT_SECONDS is {setting!r}; allowed: seconds from 0 on. Unset it for "
            f"{CHECKPOINT_SECONDS:g}."
        )
    return seconds


def _started(emit: Teller, *, device: str, threads: int, token: str) -> None:
    names = {found.name: found.title for found in list_devices()}
    emit(
        WorkerStarted(
            at=time.time(), pid=os.getpid(), device=device, device_name=names.get(device, cpu_model()), threads=threads,
            machine=machine_name(), versions=package_versions(), token=token,
        )
    )
    if device != "cpu" and device not in names:
        emit(Noted(at=time.time(), text=f"This machine does not show a device {device}.", level="warning"))


def _optional(path: Path) -> dict[str, Any]:
    return dict(read_json(path)) if path.exists() else {}


def _attempt(folder: ExperimentFolder) -> int:
    """The attempt that the dispatcher announced in the journal's last state change; 1 when run by hand."""
    changes = [event for event, _ in read_lines(folder.journal, offset=0) if isinstance(event, StateChanged)]
    return changes[-1].attempt if changes else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
