"""The queue as people see and change it: who runs where, who waits for what, in which order, and its pause."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from distill_core.access import Acting, Actor, needs
from distill_core.audit import Audit
from distill_core.errors import Conflict, LabError
from distill_core.executors import chosen_executor
from distill_core.executors.executor import WORKER, read_placement
from distill_core.folders import Home, read_json, write_json
from distill_core.rows import ExperimentRow
from distill_core.store.store import Store
from distill_core.store.transitions import ACTIVE, BUSY

# Ranks are seconds; so far apart are those given anew, well above what a float can tell apart today.
_STEP_SECONDS = 0.001


@dataclass(frozen=True)
class Pause:
    """Since when nothing begins, and who wanted it so. `at` is in seconds since the epoch."""

    by: str
    at: float


@dataclass(frozen=True)
class Device:
    """One place to work, and who is at work on it. `memory_bytes` is its own memory, 0 if nobody told."""

    name: str
    title: str
    memory_bytes: int
    running: tuple[ExperimentRow, ...]


@dataclass(frozen=True)
class Waiting:
    """One experiment in the queue. `number` counts from 1; `why` is a sentence, or empty if nothing is in its way."""

    number: int
    row: ExperimentRow
    why: str


@dataclass(frozen=True)
class QueueView:
    """Everything at once. `trouble` says why the devices cannot be asked for now; mostly empty."""

    paused: Pause | None
    devices: tuple[Device, ...]
    waiting: tuple[Waiting, ...]
    trouble: str = ""


class Queue(Acting):
    """The queue of one home. Thread-safe; every method returns at once."""

    def __init__(
        self, home: Home, store: Callable[[], Store], audit: Audit, *, ensure_dispatcher: Callable[[], None],
        clock: Callable[[], float] = time.time, check_launch: Callable[[Actor], object] = lambda actor: None,
    ) -> None:
        """`check_launch` refuses somebody who has as many experiments in the queue as they may."""
        self._home, self._store, self._audit = home, store, audit
        self._ensure_dispatcher, self._clock, self._check_launch = ensure_dispatcher, clock, check_launch

    # Look ------------------------------------------------------------------------------------

    @needs("viewer")
    def view(self) -> QueueView:
        """Running and waiting experiments. Whoever looks while something waits starts a dispatcher that died."""
        rows = self._store().in_states(ACTIVE)
        if rows:
            self._ensure_dispatcher()
        board = self._board()
        on: dict[str, list[ExperimentRow]] = {}
        for row in rows:
            if row.state in BUSY:
                for name in self._slots_of(row):
                    on.setdefault(name, []).append(row)
        devices = [
            Device(slot["name"], slot["title"], slot["memory_bytes"], tuple(on.pop(slot["name"], ())))
            for slot in board["slots"]
        ]
        # What runs where no device is known, such as on a node that has just left.
        devices += [Device(name, name, 0, tuple(found)) for name, found in on.items()]
        return QueueView(self.paused(), tuple(devices), self._waiting(rows, board["waits"]), board["trouble"])

    @needs("viewer")
    def place_of(self, experiment_id: str) -> Waiting | None:
        """Of one experiment; None unless it waits."""
        waiting = self._waiting(self._store().in_states({"queued"}), self._board(slots=False)["waits"])
        return next((one for one in waiting if one.row.experiment_id == experiment_id), None)

    @needs("viewer")
    def places(self) -> dict[str, Waiting]:
        """All that wait, by id."""
        waiting = self._waiting(self._store().in_states({"queued"}), self._board(slots=False)["waits"])
        return {one.row.experiment_id: one for one in waiting}

    @needs("viewer")
    def paused(self) -> Pause | None:
        try:
            found = read_json(self._home.queue_paused)
            return Pause(str(found["by"]), float(found["at"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            # Damaged, it still pauses.
            return Pause("somebody", 0.0)

    # Change ----------------------------------------------------------------------------------

    @needs("operator")
    def move(self, experiment_id: str, *, to: int) -> None:
        """Put a waiting experiment at a place, counted from 1; a number past the end means the end.

        Raises NotFound, Conflict if it no longer waits, NotAllowed.
        """
        rows = self._store().in_states({"queued"})
        mine = next((row for row in rows if row.experiment_id == experiment_id), None)
        if mine is None:
            state = self._store().state(experiment_id)
            raise Conflict(f"Experiment {experiment_id} is {state}; only one that waits has a place in the queue.")
        self.actor.require_own(mine.owner)
        others = [row for row in rows if row.experiment_id != experiment_id]
        place = max(1, min(to, len(rows)))
        if rows.index(mine) == place - 1:
            return
        before, after = others[: place - 1], others[place - 1 :]
        low = _rank(before[-1]) if before else _rank(after[0]) - 2 * _STEP_SECONDS
        high = _rank(after[0]) if after else low + 2 * _STEP_SECONDS
        middle = (low + high) / 2
        if low < middle < high:
            self._store().rank(experiment_id, middle, at=self._clock())
        else:
            self._number_anew([*before, mine, *after])
        self._audit.record(self.actor.name, "move", experiment_id, detail=f"to place {place} of {len(rows)}")
        self._ensure_dispatcher()

    @needs("operator")
    def remove(self, experiment_id: str) -> None:
        """Take a waiting experiment out of the queue; `put_back` undoes it. Raises NotFound, Conflict, NotAllowed."""
        row = self._row(experiment_id)
        self.actor.require_own(row.owner)
        self._store().transition(
            experiment_id, expected={"queued"}, to="cancelled", at=self._clock(), reason="Removed from the queue."
        )
        self._audit.record(self.actor.name, "stop", experiment_id, detail="removed from the queue")

    @needs("operator")
    def put_back(self, experiment_id: str) -> None:
        """Give a removed experiment its place in the queue again. Raises NotFound, Conflict, NotAllowed."""
        chosen_executor()
        row = self._row(experiment_id)
        self.actor.require_own(row.owner)
        self._check_launch(self.actor)
        store, rank = self._store(), _rank(row)
        store.transition(experiment_id, expected={"cancelled"}, to="queued", at=self._clock(), reason="", attempt=0)
        with suppress(Conflict):
            # Where everything is free it has begun already.
            store.rank(experiment_id, rank, at=self._clock())
        self._audit.record(self.actor.name, "resume", experiment_id, detail="put back into the queue")
        self._ensure_dispatcher()

    @needs("admin")
    def pause(self) -> None:
        """Nothing begins until `unpause`; what runs goes on. Raises HomeUnusable, NotAllowed."""
        with self._home.usable():
            write_json(self._home.queue_paused, {"by": self.actor.name, "at": self._clock()})
        self._audit.record(self.actor.name, "pause")

    @needs("admin")
    def unpause(self) -> None:
        with self._home.usable():
            self._home.queue_paused.unlink(missing_ok=True)
        self._audit.record(self.actor.name, "unpause")
        self._ensure_dispatcher()

    # -----------------------------------------------------------------------------------------

    def _row(self, experiment_id: str) -> ExperimentRow:
        return self._store().experiment(experiment_id).row

    def _number_anew(self, rows: Sequence[ExperimentRow]) -> None:
        """Places so close together that nothing fits between them are given again, in this order."""
        first = min(_rank(row) for row in rows)
        for number, row in enumerate(rows):
            self._store().rank(row.experiment_id, first + number * _STEP_SECONDS, at=self._clock())

    def _waiting(self, rows: Sequence[ExperimentRow], waits: dict[str, str]) -> tuple[Waiting, ...]:
        queued = [row for row in rows if row.state == "queued"]
        return tuple(
            Waiting(number, row, waits.get(row.experiment_id, "")) for number, row in enumerate(queued, start=1)
        )

    def _slots_of(self, row: ExperimentRow) -> tuple[str, ...]:
        placement = read_placement(self._home.experiment(row.experiment_id))
        return placement.slots if placement else (row.device,)

    def _board(self, *, slots: bool = True) -> dict[str, Any]:
        """What the dispatcher told last; before there was one, the devices as the executor tells them."""
        try:
            found = read_json(self._home.queue_board)
            board = {"slots": list(found["slots"]), "waits": dict(found["waits"]), "trouble": str(found["trouble"])}
        except (OSError, ValueError, KeyError, TypeError):
            board = {"slots": [], "waits": {}, "trouble": ""}
        if slots and not board["slots"]:
            try:
                entry = chosen_executor()
                known = entry.build(entry.resolve({}), WORKER).slots()
                board["slots"] = [
                    {"name": slot.name, "title": slot.title, "memory_bytes": slot.memory_bytes} for slot in known
                ]
            except LabError as error:
                board["trouble"] = board["trouble"] or error.sentence
        return board


def _rank(row: ExperimentRow) -> float:
    """Its place, lowest first, as the index orders by it."""
    return row.rank if row.rank is not None else row.queued_at or row.created_at
