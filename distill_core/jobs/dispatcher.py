"""`python -m distill_core.jobs.dispatcher HOME`: the one process that starts, follows and ends workers."""

from __future__ import annotations

import errno
import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

from distill_core.errors import Conflict, LabError
from distill_core.events import Failure, State
from distill_core.executors.devices import resolve_device
from distill_core.executors.executor import WORKER, Executor
from distill_core.folders import ExperimentFolder, Home, write_json
from distill_core.jobs.exporters import Exporters
from distill_core.processes import hold, read_stamp
from distill_core.rows import ExperimentRow
from distill_core.store.store import Store
from distill_core.store.transitions import ACTIVE

TICK_SECONDS = 0.1
_LOG_BYTES = 1_000_000
_MOST_TROUBLES = 5

log = logging.getLogger("distill_lab.dispatcher")


class Dispatcher:
    """Moves experiments along. Keeps nothing that a successor would miss: folders and index hold it all."""

    def __init__(
        self, home: Home, store: Store, executor: Executor, *, clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic, grace_seconds: float = 60.0, stamp_seconds: float = 20.0,
        most_attempts: int = 3, exporters: Exporters | None = None,
    ) -> None:
        """`grace_seconds`: from a stop request to SIGKILL. `stamp_seconds`: from a start to the worker's stamp.

        `exporters` None: other tools get nothing.
        """
        self._home, self._store, self._executor = home, store, executor
        self._clock, self._monotonic = clock, monotonic
        self._grace_seconds, self._stamp_seconds, self._most_attempts = grace_seconds, stamp_seconds, most_attempts
        self._exporters = exporters
        # Asking the driver at every tick would cost more than all the rest; devices do not come and go.
        self._device_of = cache(resolve_device)
        # Since when, by the monotonic clock, an experiment waits for something of its worker.
        self._since: dict[tuple[str, str], float] = {}
        self._troubles: dict[str, int] = {}

    def tick(self) -> bool:
        """Look after every active experiment once; False if there is none."""
        rows = self._store.in_states(ACTIVE)
        taken: set[str] = set()
        for row in rows:
            if row.state != "queued":
                self._safely(row, self._follow)
                # Taken for the rest of this tick, even if it has just ended: its worker may still be leaving.
                taken.add(self._device_of(row.device))
        for row in rows:
            device = self._device_of(row.device)
            if row.state == "queued" and device not in taken and self._safely(row, self._begin):
                taken.add(device)
        return bool(rows)

    def _begin(self, row: ExperimentRow) -> None:
        folder = self._home.experiment(row.experiment_id)
        if self._executor.status(folder) == "alive":
            # It has told its outcome but not left yet; two workers must not meet.
            if self._waited(row, "leaving") > self._grace_seconds:
                self._executor.end(folder, force=True)
            return
        reuse = {run: str(path) for run, path in self._store.reusable_runs(without=row.experiment_id).items()}

        def prepare() -> None:
            write_json(folder.reuse, reuse)
            folder.stop_request.unlink(missing_ok=True)
            # An old stamp of the same attempt number would speak for the new worker.
            folder.worker_stamp.unlink(missing_ok=True)

        self._forget(row)
        self._move(row, {"queued"}, "starting", attempt=row.attempt + 1, prepare=prepare)
        if self._exporters is not None:
            self._exporters.anew(folder)
        try:
            self._executor.start(folder)
        except Exception as error:
            log.exception("%s: cannot start", row.experiment_id)
            self._move(row, {"starting"}, "failed", reason=f"The worker could not be started: {error}.")

    def _follow(self, row: ExperimentRow) -> None:
        if row.state == "lost":
            self._again(row)
            return
        folder = self._home.experiment(row.experiment_id)
        # Asked before the events are read: what a worker wrote before it went is then all there.
        status = self._executor.status(folder)
        self._store.ingest(row.experiment_id)
        if self._exporters is not None:
            self._exporters.beside(folder)
        stamp = read_stamp(folder.worker_stamp)
        failure: Failure = ""
        started, outcome, reason = False, None, ""
        if stamp is not None and stamp.attempt == row.attempt:
            started, outcome, reason, failure = self._store.outcome(row.experiment_id, after=stamp.events_offset)
        state: State = row.state
        if started and state == "starting":
            self._move(row, {"starting"}, "running")
            state = "running"
        if outcome is not None:
            self._forget(row)
            self._move(row, {state}, outcome, reason=reason, failure=failure)
        elif status == "gone" or (status == "none" and self._waited(row, "stamp") > self._stamp_seconds):
            self._end_without_word(row, state)
        elif state == "stopping":
            self._insist(row, folder)

    def _end_without_word(self, row: ExperimentRow, state: State) -> None:
        self._forget(row)
        if state == "stopping":
            reason = "The worker was ended before it could close its work; resume goes on from its last checkpoint."
            self._move(row, {"stopping"}, "cancelled", reason=reason)
            return
        reason = f"The worker ended without a last word (attempt {row.attempt} of {self._most_attempts})."
        self._move(row, {state}, "lost", reason=reason)
        self._again(row)

    def _again(self, row: ExperimentRow) -> None:
        if row.attempt < self._most_attempts:
            reason = f"Goes on from its checkpoint after attempt {row.attempt} was lost."
            self._move(row, {"lost"}, "queued", reason=reason)
        else:
            reason = (
                f"The worker was lost {row.attempt} times, perhaps for want of memory. "
                "The end of its log may tell why; what it had saved is kept."
            )
            self._move(row, {"lost"}, "failed", reason=reason)

    def _insist(self, row: ExperimentRow, folder: ExperimentFolder) -> None:
        """Ask once, and end the worker by force after the grace."""
        first = (row.experiment_id, "stop") not in self._since
        waited = self._waited(row, "stop")
        if first:
            folder.stop_request.touch()
            self._executor.end(folder, force=False)
        elif waited > self._grace_seconds:
            log.warning("%s: no answer to the stop request for %.0f s; killing", row.experiment_id, waited)
            self._executor.end(folder, force=True)

    def _waited(self, row: ExperimentRow, what: str) -> float:
        """Seconds since this was first asked of an experiment in its present state of affairs."""
        now = self._monotonic()
        return now - self._since.setdefault((row.experiment_id, what), now)

    def _forget(self, row: ExperimentRow) -> None:
        self._since = {key: since for key, since in self._since.items() if key[0] != row.experiment_id}

    def _move(
        self, row: ExperimentRow, expected: set[State], to: State, *, reason: str = "", attempt: int | None = None,
        prepare: Callable[[], object] | None = None, failure: Failure = "",
    ) -> None:
        now = self._store.transition(
            row.experiment_id, expected=expected, to=to, at=self._clock(), reason=reason, attempt=attempt,
            prepare=prepare, failure=failure,
        )
        log.info("%s: %s %s", row.experiment_id, now if now == to else f"{to}, so {now} as before", reason)

    def _safely(self, row: ExperimentRow, work: Callable[[ExperimentRow], None]) -> bool:
        """One experiment's trouble must not keep the others waiting; trouble that stays ends it. False: trouble."""
        try:
            work(row)
        except Conflict as conflict:
            # A user was quicker; the next tick sees the new state.
            log.info("%s", conflict)
        except Exception as error:
            number = self._troubles[row.experiment_id] = self._troubles.get(row.experiment_id, 0) + 1
            if number <= _MOST_TROUBLES:
                log.exception("%s: trouble %d of %d", row.experiment_id, number, _MOST_TROUBLES)
            # A full disk is nobody's fault: the next ticks try again, and the worker goes on if it can.
            full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
            if number >= _MOST_TROUBLES and not full:
                self._give_up(row, error)
            return False
        self._troubles.pop(row.experiment_id, None)
        return True

    def _give_up(self, row: ExperimentRow, error: Exception) -> None:
        reason = f"Its folder cannot be worked with: {error}."
        try:
            self._executor.end(self._home.experiment(row.experiment_id), force=True)
            self._store.abandon(row.experiment_id, reason=reason, at=self._clock())
            self._troubles.pop(row.experiment_id, None)
        except Exception:
            log.exception("%s: cannot even be failed", row.experiment_id)


def run(
    home: Home, executor: Executor, *, idle_seconds: float = 30.0, exporters: Exporters | None = None
) -> None:
    """Dispatch until nothing is active for `idle_seconds`; returns at once if another dispatcher is at work."""
    lock = _take(home)
    if lock is None:
        return
    store = Store(home)
    dispatcher = Dispatcher(home, store, executor, exporters=exporters)
    log.info("begins, pid %d", os.getpid())
    while lock is not None:
        _until_idle(dispatcher, idle_seconds)
        lock.close()
        # Who launched while the lock was still held relied on this process.
        lock = _take(home) if store.in_states(ACTIVE) else None
    log.info("leaves, nothing to do")


def _until_idle(dispatcher: Dispatcher, idle_seconds: float) -> None:
    last_active = time.monotonic()
    while time.monotonic() - last_active < idle_seconds:
        try:
            if dispatcher.tick():
                last_active = time.monotonic()
        except Exception:
            # The index was busy for very long, or the disk is full: the work in the folders goes on meanwhile.
            log.exception("a tick failed")
            time.sleep(1.0)
        time.sleep(TICK_SECONDS)


def _take(home: Home) -> IO[str] | None:
    """The dispatcher's lock. Tried a few times, because somebody probing it holds it for an instant."""
    for _ in range(5):
        lock = hold(home.dispatcher_lock)
        if lock is not None:
            return lock
        time.sleep(0.05)
    return None


def main(arguments: list[str]) -> int:
    from distill_core.executors import chosen_executor

    home = Home(Path(arguments[0]).resolve())
    idle_seconds = float(arguments[1]) if len(arguments) > 1 else 30.0
    try:
        entry = chosen_executor()
        with home.usable():
            handler = RotatingFileHandler(home.dispatcher_log, maxBytes=_LOG_BYTES, backupCount=2)
    except LabError as error:
        print(error.sentence, file=sys.stderr)
        return 1
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    with suppress(KeyboardInterrupt):
        run(home, entry.build(entry.resolve({}), WORKER), idle_seconds=idle_seconds, exporters=Exporters())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
