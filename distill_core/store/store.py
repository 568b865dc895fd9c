"""The index of all experiments: created, moved and filled here, rebuilt from the folders at any time."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager

from sqlalchemy import select

from distill_core.errors import Conflict, LabError
from distill_core.events import Failure, Noted, QueueRanked, State, StateChanged
from distill_core.folders import ExperimentFolder, Home, write_json
from distill_core.spec import ExperimentSpec, read_spec
from distill_core.store import records, requests
from distill_core.store.database import Database
from distill_core.store.ingest import apply_journal
from distill_core.store.reading import Outcome as Outcome
from distill_core.store.reading import Reading
from distill_core.store.schema import experiments
from distill_core.store.sweeps import SweepStore
from distill_core.store.transitions import ALLOWED, ENDED, FRESH
from distill_core.store.trash import Trash


class Store(Reading):
    """One home's index. Thread-safe; any number of processes may use it at once."""

    def __init__(self, home: Home) -> None:
        super().__init__(home, Database(home))
        self.trash = Trash(home, self._database)
        self.sweeps = SweepStore(home, self._database)

    def close(self) -> None:
        self._database.close()

    def only_dispatcher(self) -> AbstractContextManager[Callable[[], bool]]:
        """Tells, whenever asked, whether no other dispatcher works on this index, also from another machine.

        In SQLite the lock file of the home says so, and this is always true. Raises IndexUnavailable.
        """
        return self._database.only_dispatcher()

    def create(
        self, spec: ExperimentSpec, *, experiment_id: str, created_at: float, idempotency_key: str = "",
        owner: str = "",
    ) -> str:
        """Write the experiment's folder, then its row, queued. A known key returns the id it made before.

        Raises HomeUnusable.
        """
        folder = self.home.experiment(experiment_id)
        with self._database.write() as connection:
            if idempotency_key:
                known = connection.scalar(
                    select(experiments.c.experiment_id).where(experiments.c.idempotency_key == idempotency_key)
                )
                if known is not None:
                    return str(known)
            try:
                with self.home.usable():
                    folder.path.mkdir(parents=True)
                    write_json(folder.spec, spec.to_json())
                    write_json(
                        folder.identity,
                        {
                            "experiment_id": experiment_id, "created_at": created_at,
                            "idempotency_key": idempotency_key, "owner": owner,
                        },
                    )
                    records.journalled(folder, StateChanged(at=created_at, state="queued"))
                records.add(connection, folder, spec)
            except Exception:
                # On a full disk: what was refused must not come back with a reindex.
                shutil.rmtree(folder.path, ignore_errors=True)
                raise
        return experiment_id

    def transition(
        self, experiment_id: str, *, expected: Collection[State], to: State, at: float, reason: str = "",
        attempt: int | None = None, prepare: Callable[[], object] | None = None, failure: Failure = "", token: str = "",
        held_token: str | None = None,
    ) -> State:
        """Move an experiment if it is in an expected state; the journal has the move before the index has.

        `attempt` None keeps the present number. `prepare` puts in place what must be there when the new state is
        seen; it is called only if the move is allowed. Raises Conflict if the state is another or allows no such move,
        and for an experiment in the trash, where none begins again.
        `token` is the new attempt's fencing token. With `held_token` the move is allowed only while that is the token.
        Returns the new state: `to`, but for an experiment that only exports, which ends as it had ended before.
        """
        folder = self.home.experiment(experiment_id)
        with self._database.write() as connection:
            row = records.get(connection, experiment_id)
            changes = records.catch_up(connection, row, folder)
            state: State = (row | changes)["state"]
            refusal = ""
            if state not in expected or to not in ALLOWED[state]:
                refusal = f"Experiment {experiment_id} is {state}, so it cannot become {to} now."
            elif row["deleted"] and state in ENDED:
                refusal = f"Experiment {experiment_id} is in the trash; take it out there, then ask again."
            elif held_token is not None and (row | changes)["token"] != held_token:
                refusal = f"Experiment {experiment_id} was begun again by another; this attempt is over."
            if refusal:
                # What a killed predecessor journalled is kept, or whoever goes by the index would be refused for ever.
                records.change(connection, experiment_id, changes)
                connection.commit()
                raise Conflict(refusal)
            if prepare is not None:
                prepare()
            now = (row | changes)["attempt"]
            event = StateChanged(
                at=at, state=to, reason=reason, attempt=now if attempt is None else attempt, failure=failure,
                token=token,
            )
            end, note = requests.ending(folder, event)
            records.journalled(folder, *([note] if note else []), end)
            changes |= records.catch_up(connection, row | changes, folder)
            records.change(connection, experiment_id, changes)
        return end.state

    def rank(self, experiment_id: str, rank: float, *, at: float) -> None:
        """Move a waiting experiment in the queue; ranks are on the scale of queued_at. Raises NotFound, Conflict."""
        folder = self.home.experiment(experiment_id)
        with self._database.write() as connection:
            row = records.get(connection, experiment_id)
            changes = records.catch_up(connection, row, folder)
            if (state := (row | changes)["state"]) != "queued":
                raise Conflict(f"Experiment {experiment_id} is {state}; only one that waits has a place in the queue.")
            records.journalled(folder, QueueRanked(at=at, rank=rank))
            changes |= records.catch_up(connection, row | changes, folder)
            records.change(connection, experiment_id, changes)

    def note(self, experiment_id: str, note: Noted) -> None:
        """Tell the reader of an experiment's page something, in whatever state it is. Raises NotFound."""
        folder = self.home.experiment(experiment_id)
        with self._database.write() as connection:
            row = records.get(connection, experiment_id)
            records.journalled(folder, note)
            records.change(connection, experiment_id, records.catch_up(connection, row, folder))

    def abandon(self, experiment_id: str, *, reason: str, at: float) -> None:
        """Fail an experiment whose folder cannot take even a journal line; a reindex goes by the folder again."""
        with self._database.write() as connection:
            row = records.get(connection, experiment_id)
            event = StateChanged(at=at, state="failed", reason=reason, attempt=row["attempt"])
            end, note = requests.ending(self.home.experiment(experiment_id), event)
            lines = [(line, row["journal_offset"]) for line in (note, end) if line is not None]
            records.change(connection, experiment_id, apply_journal(connection, row, lines))

    def ingest(self, experiment_id: str) -> int:
        """Apply what the worker wrote since the last time, each event once; returns the number of new events."""
        folder = self.home.experiment(experiment_id)
        total = 0
        while True:
            with self._database.read() as connection:
                seen = records.get(connection, experiment_id)["events_offset"]
            size = folder.events.stat().st_size if folder.events.exists() else seen
            if size == seen:
                return total
            with self._database.write() as connection:
                row = records.get(connection, experiment_id)
                if size < row["events_offset"]:
                    # Not the file that was read before: start over, as a reindex would.
                    records.forget_details(connection, experiment_id)
                    row |= {**FRESH, "events_offset": 0, "journal_offset": 0}
                    row |= records.catch_up(connection, row, folder)
                    records.change(connection, experiment_id, row)
                applied = records.apply_events(connection, row, folder)
            total += applied
            if applied < records.EVENTS_A_TRANSACTION:
                return total

    def set_deleted(
        self, experiment_id: str, deleted: bool, *, at: float, expected: Collection[State] = tuple(ALLOWED)
    ) -> None:
        """Hide an experiment, or show it again; its folder stays as it is. Raises Conflict in any other state."""
        folder = self.home.experiment(experiment_id)
        with self._database.write() as connection:
            row = records.get(connection, experiment_id)
            if row["state"] not in expected:
                raise Conflict(f"Experiment {experiment_id} is {row['state']}; stop it before deleting it.")
            if deleted:
                write_json(folder.deleted, {"at": at})
            else:
                folder.deleted.unlink(missing_ok=True)
            records.change(connection, experiment_id, {"deleted": deleted, "deleted_at": at if deleted else None})

    def adopt(self, experiment_id: str) -> bool:
        """Whether an experiment has a row, also now: one whose launch was killed between folder and row gets it.

        What was not yet a whole launch is taken away, so that it can be made anew.
        """
        folder = self.home.experiment(experiment_id)
        with self._database.write() as connection:
            if connection.scalar(select(experiments.c.state).where(experiments.c.experiment_id == experiment_id)):
                return True
            if not folder.path.is_dir():
                return False
            if folder.identity.exists() and folder.journal.exists():
                records.add(connection, folder, read_spec(folder.spec))
            elif not folder.events.exists():
                shutil.rmtree(folder.path)
                return False
        self.ingest(experiment_id)
        return True

    def reindex(self) -> tuple[int, list[str]]:
        """Rebuild every row from the folders; returns how many experiments, and what could not be read.

        One transaction an experiment, so that pages and a running dispatcher go on meanwhile.
        """
        problems, indexed = [], 0
        folders = sorted(path for path in self.home.experiments.glob("*") if path.is_dir())
        for path in folders:
            folder = ExperimentFolder(path)
            # Read while nobody else writes: a launch that is under way would show half a folder.
            with self._database.write() as connection:
                records.forget(connection, path.name)
                try:
                    spec = read_spec(folder.spec)
                except LabError as error:
                    problems.append(f"{path.name}: {error.sentence}")
                    continue
                records.add(connection, folder, spec)
            self.ingest(path.name)
            indexed += 1
        with self._database.write() as connection:
            # By the folders of this moment: what was launched meanwhile stays.
            for known in connection.scalars(select(experiments.c.experiment_id)).all():
                if not self.home.experiment(known).path.is_dir():
                    records.forget(connection, known)
        return indexed, problems + self.sweeps.reindex()
