"""Brings every experiment from the queue to an end: begins, follows, judges and ends workers."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator
from functools import partial

from distill_core.errors import Conflict, SpecError
from distill_core.events import PASSING, Failure, State
from distill_core.executors.executor import Executor, ExecutorUnavailable, Placement, read_placement
from distill_core.folders import ExperimentFolder, Home, write_json
from distill_core.jobs import judging
from distill_core.jobs.admission import Admission
from distill_core.jobs.exporters import Exporters
from distill_core.jobs.lease import Leases, lease_seconds
from distill_core.jobs.placing import Board, CannotBePlaced, placement_on
from distill_core.processes import read_stamp
from distill_core.rows import ExperimentRow
from distill_core.store.database import IndexUnavailable
from distill_core.store.store import Outcome, Store
from distill_core.store.transitions import ACTIVE

_MOST_TROUBLES = 5
_TOKEN_BYTES = 8

log = logging.getLogger("distill_lab.dispatcher")


class Dispatcher:
    """Moves experiments along. Keeps nothing that a successor would miss: folders and index hold it all."""

    def __init__(
        self, home: Home, store: Store, executor: Executor, *, clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic, grace_seconds: float = 60.0, stamp_seconds: float = 20.0,
        pause_seconds: float = 2.0, silence_seconds: float | None = None, most_attempts: int = 3,
        exporters: Exporters | None = None, kills: Callable[[], int | None] = judging.kernel_kills,
        token: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        """`grace_seconds`: from a stop request to SIGKILL. `stamp_seconds`: from a start to the worker's stamp.

        `pause_seconds`: before the second attempt. `silence_seconds`: after which a worker has lost its lease; None: as
        DISTILL_LEASE_SECONDS says, whose nonsense raises LabError. `exporters` None: other tools get nothing. `kills`:
        see judging.kernel_kills.
        """
        self._home, self._store, self._executor = home, store, executor
        self._clock, self._monotonic, self._token, self._kills = clock, monotonic, token, kills
        self._grace_seconds, self._stamp_seconds, self._most_attempts = grace_seconds, stamp_seconds, most_attempts
        self._exporters = exporters
        self._admission = Admission(home, executor, pause_seconds=pause_seconds, monotonic=monotonic)
        if silence_seconds is None:
            silence_seconds = lease_seconds(os.environ.get("DISTILL_LEASE_SECONDS", ""))
        self._leases = Leases(seconds=silence_seconds, monotonic=monotonic)
        # Since when, by the monotonic clock, an experiment waits for something of its worker.
        self._since: dict[tuple[str, str], float] = {}
        # Their last word is told or their attempt is over, but their worker may still be leaving its device.
        self._leaving: dict[str, ExperimentRow] = {}
        self._troubles: dict[str, int] = {}

    def tick(self) -> bool:
        """Look after every active experiment once; False if there is none."""
        rows = self._store.in_states(ACTIVE)
        for row in rows:
            if row.state != "queued":
                self._safely(row, self._follow)
        self._see_off()
        board = self._admission.open(self._busy(rows))
        for row in rows:
            if row.state == "queued" and board is not None:
                self._safely(row, partial(self._admit, board))
        self._admission.tell(rows)
        return bool(rows or self._leaving)

    def _busy(self, rows: list[ExperimentRow]) -> Iterator[tuple[ExperimentRow, Placement | None]]:
        """Who is on a device, as of the beginning of this tick: whoever has just ended may still be leaving."""
        busy = {row.experiment_id: row for row in rows if row.state != "queued"} | self._leaving
        for row in busy.values():
            yield row, read_placement(self._home.experiment(row.experiment_id))

    def _see_off(self) -> None:
        """Let go of those whose worker has left; end by force who does not leave."""
        for name, row in list(self._leaving.items()):
            folder = self._home.experiment(name)
            placement = read_placement(folder)
            begun_again = placement is not None and placement.token != row.token
            if begun_again or self._executor.status(folder) != "alive":
                del self._leaving[name]
                self._since.pop((name, "leaving"), None)
            elif self._waited(row, "leaving") > self._grace_seconds:
                self._executor.end(folder, force=True)

    # Beginning -------------------------------------------------------------------------------

    def _admit(self, board: Board, row: ExperimentRow) -> None:
        folder = self._home.experiment(row.experiment_id)
        try:
            placed = self._admission.place(board, row)
        except (SpecError, CannotBePlaced) as error:
            self._move(row, {"queued"}, "failed", reason=error.sentence, failure="bad-spec")
            return
        if placed is None:
            return
        need, slots = placed
        board.occupy([slot.name for slot in slots], need.gpu_memory_bytes)
        if self._executor.status(folder) == "alive":
            # It has told its outcome but not left yet; two workers must not meet.
            self._leaving.setdefault(row.experiment_id, row)
            return
        placement = placement_on(slots, need, token=self._token(_TOKEN_BYTES), attempt=row.attempt + 1)
        self._begin(row, folder, placement)

    def _begin(self, row: ExperimentRow, folder: ExperimentFolder, placement: Placement) -> None:
        reuse = {run: str(path) for run, path in self._store.reusable_runs(without=row.experiment_id).items()}

        def prepare() -> None:
            write_json(folder.reuse, reuse)
            # An old stamp of the same attempt number would speak for the new worker, and an old beat too.
            for stale in (folder.stop_request, folder.worker_stamp, folder.heartbeat):
                stale.unlink(missing_ok=True)
            # Last: from here on whoever still works here has lost its lease.
            placement.write(folder)

        self._forget(row)
        self._leaving.pop(row.experiment_id, None)
        self._move(
            row, {"queued"}, "starting", attempt=placement.attempt, prepare=prepare, token=placement.token,
            reason=row.reason if row.attempt else "",
        )
        if self._exporters is not None:
            self._exporters.anew(folder)
        try:
            self._executor.start(folder)
        except ExecutorUnavailable as error:
            # Nobody's fault, and no attempt: it waits on until the devices can be asked for again.
            log.warning("%s: back to the queue: %s", row.experiment_id, error.sentence)
            move = partial(
                self._move, row, reason=error.sentence, attempt=row.attempt, failure=row.failure, held=placement.token
            )
            move({"starting"}, "lost")
            move({"lost"}, "queued")
            self._admission.was_turned_away(row)
        except Exception as error:
            log.exception("%s: cannot start", row.experiment_id)
            reason = f"The worker could not be started: {error}."
            self._move(row, {"starting"}, "failed", reason=reason, failure="error", held=placement.token)

    # Following -------------------------------------------------------------------------------

    def _follow(self, row: ExperimentRow) -> None:
        if row.state == "lost":
            self._again(row, row.failure)
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
            started, outcome, reason, failure = self._store.outcome(
                row.experiment_id, after=stamp.events_offset, token=row.token
            )
        state: State = row.state
        if started and state == "starting":
            self._move(row, {"starting"}, "running", reason=row.reason)
            state = "running"
        if outcome is not None:
            self._end(row, state, outcome, reason=reason, failure=failure)
        elif status == "gone" or (status == "none" and self._waited(row, "stamp") > self._stamp_seconds):
            self._lose(row, state, judging.failure_of_death(stamp, folder=self._home.path, kills=self._kills))
        elif self._leases.is_lost(row, folder):
            # Also a stopped process is ended by SIGKILL.
            self._executor.end(folder, force=True)
            silence = f"The worker gave no sign of life for {self._leases.seconds:g} s and was ended"
            self._lose(row, state, "lost-lease", reason=silence)
        elif state == "stopping":
            self._insist(row, folder)

    def _end(self, row: ExperimentRow, state: State, outcome: Outcome, *, reason: str, failure: Failure) -> None:
        """A worker's last word, which is believed where the figures bear it out."""
        if outcome == "succeeded":
            folder = self._home.experiment(row.experiment_id)
            runs = self._store.runs(experiment_ids=[row.experiment_id])
            if missing := judging.without_result(folder, runs):
                outcome, reason, failure = "failed", missing, "no-result"
        if outcome == "failed" and failure in PASSING and state != "stopping":
            self._lose(row, state, failure, reason=reason)
            return
        self._forget(row)
        self._move(row, {state}, outcome, reason=reason, failure=failure)
        self._leaving[row.experiment_id] = row

    def _lose(self, row: ExperimentRow, state: State, failure: Failure, *, reason: str = "") -> None:
        """An attempt came to nothing by what passes: another follows, unless it was to stop anyway."""
        self._forget(row)
        self._leaving[row.experiment_id] = row
        if state == "stopping":
            reason = "The worker was ended before it could close its work; resume goes on from its last checkpoint."
            self._move(row, {"stopping"}, "cancelled", reason=reason)
            return
        told = judging.lost_reason(failure, reason, attempt=row.attempt, most_attempts=self._most_attempts)
        self._move(row, {state}, "lost", reason=told, failure=failure)
        self._again(row, failure)

    def _again(self, row: ExperimentRow, failure: Failure) -> None:
        failure = failure or "killed"
        if judging.is_retried(failure, attempt=row.attempt, most_attempts=self._most_attempts):
            reason = judging.again_reason(failure, attempt=row.attempt, most_attempts=self._most_attempts)
            self._move(row, {"lost"}, "queued", reason=reason, failure=failure)
        else:
            reason = judging.last_reason(failure, attempt=row.attempt)
            self._move(row, {"lost"}, "failed", reason=reason, failure=failure)

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

    # Keeping going ---------------------------------------------------------------------------

    def _waited(self, row: ExperimentRow, what: str) -> float:
        """Seconds since this was first asked of an experiment in its present state of affairs."""
        now = self._monotonic()
        return now - self._since.setdefault((row.experiment_id, what), now)

    def _forget(self, row: ExperimentRow) -> None:
        self._since = {key: since for key, since in self._since.items() if key[0] != row.experiment_id}
        self._leases.forget(row.experiment_id)

    def _move(
        self, row: ExperimentRow, expected: set[State], to: State, *, reason: str = "", attempt: int | None = None,
        prepare: Callable[[], object] | None = None, failure: Failure = "", token: str = "", held: str = "",
    ) -> None:
        """`held` is the token of the attempt that this is about; by default the one that the row tells."""
        now = self._store.transition(
            row.experiment_id, expected=expected, to=to, at=self._clock(), reason=reason, attempt=attempt,
            prepare=prepare, failure=failure, token=token, held_token=held or row.token,
        )
        log.info("%s: %s %s", row.experiment_id, now if now == to else f"{to}, so {now} as before", reason)

    def _safely(self, row: ExperimentRow, work: Callable[[ExperimentRow], None]) -> None:
        """One experiment's trouble must not keep the others waiting; trouble that stays ends it."""
        try:
            work(row)
        except Conflict as conflict:
            # A user was quicker, or another dispatcher; the next tick sees the new state.
            log.info("%s", conflict)
        except IndexUnavailable:
            # No trouble of this experiment's: its worker goes on.
            raise
        except Exception as error:
            number = self._troubles[row.experiment_id] = self._troubles.get(row.experiment_id, 0) + 1
            if number <= _MOST_TROUBLES:
                log.exception("%s: trouble %d of %d", row.experiment_id, number, _MOST_TROUBLES)
            # A full disk is nobody's fault: the next ticks try again, and the worker goes on if it can.
            full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
            if number >= _MOST_TROUBLES and not full:
                self._give_up(row, error)
            return
        self._troubles.pop(row.experiment_id, None)

    def _give_up(self, row: ExperimentRow, error: Exception) -> None:
        reason = f"Its folder cannot be worked with: {error}."
        try:
            self._executor.end(self._home.experiment(row.experiment_id), force=True)
            self._store.abandon(row.experiment_id, reason=reason, at=self._clock())
            self._troubles.pop(row.experiment_id, None)
        except Exception:
            log.exception("%s: cannot even be failed", row.experiment_id)
