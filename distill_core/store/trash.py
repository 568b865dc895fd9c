"""Deleted experiments: how long they are kept, and how they leave the disk for good."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, select

from distill_core.errors import Conflict, LabError
from distill_core.folders import ExperimentFolder, Home, read_json
from distill_core.rows import ExperimentRow
from distill_core.store import queries, records
from distill_core.store.database import Database
from distill_core.store.deleted import deleted_at
from distill_core.store.schema import experiments, runs
from distill_core.store.transitions import BUSY, ENDED
from distill_core.whole_files import sync_folder

SETTING = "DISTILL_TRASH_DAYS"
USUAL_DAYS = 30
SECONDS_OF_A_DAY = 86_400.0
_DONE = ("finished", "reused", "diverged", "refused", "stopped")


def trash_days() -> int | None:
    """Days for which a deleted experiment is kept; None: for ever. Raises LabError for a setting that is no number."""
    told = os.environ.get(SETTING, "").strip()
    if not told:
        return USUAL_DAYS
    if told == "never":
        return None
    if not told.isascii() or not told.isdigit() or not 1 <= int(told) <= 36_500:
        raise LabError(f"{SETTING} is {told[:40]!r}; allowed: 1 to 36500 days, or never. Correct or unset it.")
    return int(told)


class Trash:
    """What was deleted, of one index. Thread-safe; any number of processes may use it at once."""

    def __init__(self, home: Home, database: Database) -> None:
        self._home, self._database = home, database

    def rows(self) -> list[ExperimentRow]:
        """Deleted experiments, those deleted last first."""
        with self._database.read() as connection:
            found = queries.deleted_rows(connection)
        return sorted(found, key=lambda row: (self.deleted_at(row), row.experiment_id), reverse=True)

    def deleted_at(self, row: ExperimentRow) -> float:
        """Also of one deleted before the index knew when."""
        if row.deleted_at is not None:
            return row.deleted_at
        told = deleted_at(self._home.experiment(row.experiment_id).deleted)
        return row.created_at if told is None else told

    def purge(self, experiment_id: str) -> None:
        """Take a deleted experiment from the disk for good. Raises NotFound, Conflict.

        Its folder leaves by one rename; a process killed anywhere leaves it whole, or none of it to be seen.
        """
        folder = self._home.experiment(experiment_id)
        with self._database.write() as connection:
            row = records.get(connection, experiment_id)
            if not row["deleted"]:
                raise Conflict(f"Experiment {experiment_id} is not in the trash; delete it before purging it.")
            if row["state"] not in ENDED:
                raise Conflict(f"Experiment {experiment_id} is {row['state']}; stop it before purging it.")
            if taker := self._who_takes_over(connection, experiment_id):
                raise Conflict(
                    f"Experiment {taker} may be taking over runs of {experiment_id}; purge it once that has ended."
                )
            # Without one, a predecessor was killed between the rename and the row.
            if folder.path.is_dir():
                with self._home.usable():
                    self._home.doomed.mkdir(exist_ok=True)
                    folder.path.rename(self._home.doomed / f"{experiment_id}-{secrets.token_hex(4)}")
                    sync_folder(self._home.experiments)
            records.forget(connection, experiment_id)
        self.sweep()

    def purge_older(self, *, days: float, now: float) -> list[str]:
        """Purge what was deleted longer ago; returns whose files are gone. What cannot go yet stays for next time."""
        gone = []
        for row in self.rows():
            if now - self.deleted_at(row) < days * SECONDS_OF_A_DAY:
                continue
            try:
                self.purge(row.experiment_id)
            except Conflict:
                continue
            gone.append(row.experiment_id)
        return gone

    def sweep(self) -> None:
        """Remove what is doomed, also that of a process killed in it."""
        if self._home.doomed.is_dir():
            for path in list(self._home.doomed.iterdir()):
                shutil.rmtree(path, onerror=_unless_gone)

    @contextmanager
    def at_rest(self, experiment_id: str) -> Iterator[ExperimentFolder]:
        """The folder of an ended experiment, which cannot begin again within. Raises NotFound, Conflict."""
        with self._database.write() as connection:
            state = records.get(connection, experiment_id)["state"]
            if state not in ENDED:
                raise Conflict(f"Experiment {experiment_id} is {state}; wait for its end, or stop it.")
            yield self._home.experiment(experiment_id)

    def put_in_place(self, source: Path, experiment_id: str, *, replace: bool = False) -> bool:
        """Move an experiment's folder into the home, unless one of that id is there; `reindex` then gives it rows.

        With `replace`, one that is there and at rest goes. Returns whether it is in place. Raises Conflict.
        """
        folder = self._home.experiment(experiment_id)
        with self._database.write() as connection:
            if folder.path.exists():
                if not replace:
                    return False
                state = connection.scalar(
                    select(experiments.c.state).where(experiments.c.experiment_id == experiment_id)
                )
                if state is not None and state not in ENDED:
                    raise Conflict(f"Experiment {experiment_id} is {state}; wait for its end, or stop it.")
                self._home.doomed.mkdir(exist_ok=True)
                folder.path.rename(self._home.doomed / f"{experiment_id}-{secrets.token_hex(4)}")
            self._home.experiments.mkdir(parents=True, exist_ok=True)
            source.rename(folder.path)
            sync_folder(self._home.experiments)
        return True

    def _who_takes_over(self, connection: Connection, experiment_id: str) -> str:
        """A working experiment that may be copying runs of this one at this moment; empty if there is none."""
        folder = self._home.experiment(experiment_id).path
        busy = connection.scalars(
            select(experiments.c.experiment_id).where(
                experiments.c.state.in_(BUSY), experiments.c.experiment_id != experiment_id
            )
        ).all()
        for other in busy:
            try:
                told: dict[str, str] = read_json(self._home.experiment(other).reuse)
            except (OSError, ValueError):
                # Not begun, or with a damaged list, of which the worker makes nothing either.
                continue
            offered = {run for run, path in told.items() if folder in Path(path).parents}
            states = dict(
                map(tuple, connection.execute(
                    select(runs.c.run_id, runs.c.state).where(runs.c.experiment_id == other)
                ).all())
            )
            if offered and (not states or any(states.get(run, "finished") not in _DONE for run in offered)):
                return str(other)
        return ""


def _unless_gone(function: object, path: str, caught: tuple[type[BaseException], BaseException, object]) -> None:
    """Another process may be sweeping too; anything else is trouble."""
    if not isinstance(caught[1], FileNotFoundError):
        raise caught[1]
