"""Who may begin now: the order of the queue, its pause, the rest before another attempt, and what is told of it all."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from distill_core.access_settings import AccessSettings, read_access
from distill_core.errors import LabError
from distill_core.executors.executor import Executor, Placement, Slot
from distill_core.folders import Home, write_json
from distill_core.jobs.judging import has_space
from distill_core.jobs.placing import Board, Need, need_of
from distill_core.rows import ExperimentRow
from distill_core.spec import read_spec

# Devices do not come and go; asking the driver at every tick would cost more than all the rest.
_SECONDS_BETWEEN_LOOKS = 2.0

log = logging.getLogger("distill_lab.dispatcher")


class Admission:
    """Finds devices for those who wait. Keeps nothing that a successor would miss."""

    def __init__(
        self, home: Home, executor: Executor, *, pause_seconds: float = 2.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`pause_seconds`: before the second attempt; four times as long before each further one."""
        self._home, self._executor = home, executor
        self._pause_seconds, self._monotonic = pause_seconds, monotonic
        self._slots: Sequence[Slot] = ()
        self._looked = float("-inf")
        self._needs: dict[tuple[str, float | None], Need] = {}
        self._resting: dict[tuple[str, int], float] = {}
        self._turned_away: dict[str, float] = {}
        self._waits: dict[str, str] = {}
        self._trouble = ""
        self._access, self._running = AccessSettings(), Counter[str]()
        self._told: Any = None

    def open(self, busy: Iterable[tuple[ExperimentRow, Placement | None]]) -> Board | None:
        """The devices as they are occupied; None if nothing may begin now."""
        self._waits, self._trouble = {}, ""
        if self._home.queue_paused.exists():
            return None
        busy = list(busy)
        self._running = Counter(row.owner for row, _ in busy)
        try:
            self._access, slots = read_access(self._home), self._ask_for_slots()
        except LabError as error:
            self._trouble = error.sentence
            return None
        board = Board(slots)
        for row, placement in busy:
            if placement is not None:
                board.occupy(placement.slots, placement.gpu_memory_bytes)
            else:
                # Of an earlier version, which took whole devices.
                board.occupy([row.device if row.device in {slot.name for slot in slots} else slots[0].name], 0)
        return board

    def place(self, board: Board, row: ExperimentRow) -> tuple[Need, tuple[Slot, ...]] | None:
        """What it asks for and the devices it gets; None if it has to wait.

        Raises SpecError, and CannotBePlaced where waiting would be in vain.
        """
        if why := self._rest(row):
            self._waits[row.experiment_id] = why
            return None
        if not self._access.may_run(row.owner, self._running[row.owner]):
            number = self._running[row.owner]
            self._waits[row.experiment_id] = f"{number} of its owner's experiments run, as many as a person may have."
            return None
        need = self._need(row)
        found = board.place(need)
        if isinstance(found, str):
            self._waits[row.experiment_id] = found
            return None
        self._running[row.owner] += 1
        return need, found

    def tell(self, rows: Sequence[ExperimentRow]) -> None:
        """Write down, for whoever looks, what each waits for; only if it has changed."""
        waiting = {row.experiment_id for row in rows if row.state == "queued"}
        self._needs = {key: need for key, need in self._needs.items() if key[0] in waiting}
        self._resting = {key: since for key, since in self._resting.items() if key[0] in waiting}
        self._turned_away = {name: since for name, since in self._turned_away.items() if name in waiting}
        slots = [{"name": slot.name, "title": slot.title, "memory_bytes": slot.memory_bytes} for slot in self._slots]
        waits = {name: why for name, why in self._waits.items() if name in waiting}
        now = {"slots": slots, "waits": waits, "trouble": self._trouble}
        if now != self._told:
            if self._trouble:
                log.warning("the devices cannot be asked for: %s", self._trouble)
            # It is only looked at: what cannot be written now is of no weight.
            with suppress(OSError):
                write_json(self._home.queue_board, now)
                self._told = now

    def was_turned_away(self, row: ExperimentRow) -> None:
        """A device that was thought free is not there: ask anew, and give the cluster a moment to tell."""
        self._looked = float("-inf")
        self._turned_away[row.experiment_id] = self._monotonic()

    def _ask_for_slots(self) -> Sequence[Slot]:
        now = self._monotonic()
        if now - self._looked >= _SECONDS_BETWEEN_LOOKS or not self._slots:
            self._slots, self._looked = self._executor.slots(), now
        if not self._slots:
            raise LabError("The executor shows no device; start a node of the cluster, or choose another executor.")
        return self._slots

    def _need(self, row: ExperimentRow) -> Need:
        key = (row.experiment_id, row.queued_at)
        if key not in self._needs:
            folder = self._home.experiment(row.experiment_id)
            self._needs[key] = need_of(read_spec(folder.spec), folder)
        return self._needs[key]

    def _rest(self, row: ExperimentRow) -> str:
        """Why another attempt does not begin yet; empty if it may. What passes needs time to pass."""
        turned_away = self._turned_away.get(row.experiment_id)
        if turned_away is not None and self._monotonic() - turned_away < _SECONDS_BETWEEN_LOOKS:
            return row.reason
        if not row.failure or not row.attempt:
            return ""
        now = self._monotonic()
        rested = now - self._resting.setdefault((row.experiment_id, row.attempt), now)
        pause = self._pause_seconds * 4 ** (row.attempt - 1)
        if rested < pause:
            return f"Rests for {pause:g} s before the next attempt."
        if row.failure == "disk-full" and not has_space(self._home.path):
            return "Waits until the disk has space again."
        return ""
