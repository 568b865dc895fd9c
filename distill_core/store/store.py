"""The index of all experiments: created, moved and filled here, rebuilt from the folders at any time."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import select

from distill_core.errors import Conflict, LabError
from distill_core.events import Failure, Noted, QueueRanked, State, StateChanged
from distill_core.folders import ExperimentFolder, Home, write_json
from distill_core.rows import ExperimentRow, ExperimentView, RunRow
from distill_core.spec import ExperimentSpec, read_spec
from distill_core.store import queries, records, requests
from distill_core.store.database import Database
from distill_core.store.ingest import apply_journal
from distill_core.store.schema import experiments, runs, workers
from distill_core.store.transitions import ALLOWED, FRESH
from distill_core.store.trash import Trash

Outcome = Literal["succeeded", "failed", "cancelled"]


class Store:
    """One home's index. Thread-safe; any number of processes may use it at once."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._database = Database(home)
        self.trash = Trash(home, self._database)

    def close(self) -> None:
        self._database.close()

    def only_dispatcher(self) -> AbstractContextManager[Callable[[], bool]]:
        """Tells, whenever asked, whether no other dispatcher works on this index, also from another machine.

        In SQLite the lock file of the home says so, and this is always true. Raises IndexUnavailable.
        """
        return self._database.only_dispatcher()

    # Writing ---------------------------------------------------------------------------------

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
        seen; it is called only if the move is allowed. Raises Conflict if the state is another or allows no such move.
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

    def set_deleted(self, experiment_id: str, deleted: bool, *, at: float) -> None:
        """Hide an experiment, or show it again; its folder stays as it is."""
        folder = self.home.experiment(experiment_id)
        with self._database.write() as connection:
            records.get(connection, experiment_id)
            if deleted:
                write_json(folder.deleted, {"at": at})
            else:
                folder.deleted.unlink(missing_ok=True)
            records.change(connection, experiment_id, {"deleted": deleted, "deleted_at": at if deleted else None})

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
        return indexed, problems

    # Reading ---------------------------------------------------------------------------------

    def experiments(
        self, *, limit: int = 50, offset: int = 0, search: str = "", states: Collection[State] = (),
        include_deleted: bool = False, owner: str = "",
    ) -> list[ExperimentRow]:
        """Newest first; every word of `search` must occur in name, dataset, teacher, a student or begin the id."""
        with self._database.read() as connection:
            return queries.experiment_rows(
                connection, limit=limit, offset=offset, search=search, states=states, include_deleted=include_deleted,
                owner=owner,
            )

    def counts(self, *, search: str = "", include_deleted: bool = False, owner: str = "") -> dict[str, int]:
        """How many experiments are in each state; only those of `owner` if that is not empty."""
        with self._database.read() as connection:
            return queries.count_by_state(connection, search=search, include_deleted=include_deleted, owner=owner)

    def owner(self, experiment_id: str) -> str:
        """Who launched it; empty for one of a version that had no owners. Raises NotFound."""
        with self._database.read() as connection:
            owner: str | None = connection.scalar(
                select(experiments.c.owner).where(experiments.c.experiment_id == experiment_id)
            )
        if owner is None:
            raise records.unknown(experiment_id)
        return owner

    def ids_of(self, owner: str) -> list[str]:
        """Every experiment of a person, deleted ones too."""
        with self._database.read() as connection:
            found = connection.scalars(select(experiments.c.experiment_id).where(experiments.c.owner == owner))
            return list(found)

    def in_states(self, states: Collection[State]) -> list[ExperimentRow]:
        """Experiments in these states, the longest in the queue first."""
        with self._database.read() as connection:
            return queries.active_rows(connection, states)

    def state(self, experiment_id: str) -> State:
        with self._database.read() as connection:
            state: State | None = connection.scalar(
                select(experiments.c.state).where(experiments.c.experiment_id == experiment_id)
            )
        if state is None:
            raise records.unknown(experiment_id)
        return state

    def experiment(self, experiment_id: str) -> ExperimentView:
        """Raises NotFound, or SpecError if another version of the lab wrote a spec that this one cannot read."""
        with self._database.read() as connection:
            view = queries.experiment_view(connection, experiment_id)
        if view is None:
            raise records.unknown(experiment_id)
        return view

    def runs(self, *, experiment_ids: Sequence[str]) -> list[RunRow]:
        """All runs of some experiments, also deleted ones."""
        with self._database.read() as connection:
            return queries.run_rows(connection, runs.c.experiment_id.in_(experiment_ids))

    def live_points(
        self, experiment_id: str, *, since: int = 0, limit: int = 5000
    ) -> tuple[list[tuple[Any, ...]], int]:
        """Points of all curves stored after a cursor, and the cursor to ask from next: see queries.live_points."""
        with self._database.read() as connection:
            return queries.live_points(connection, experiment_id, since=since, limit=limit)

    def reusable_runs(self, *, without: str = "") -> dict[str, Path]:
        """Digest and folder of each run that was trained to its end, outside the experiment `without`."""
        with self._database.read() as connection:
            found = connection.execute(
                select(runs.c.run_id, runs.c.experiment_id)
                .where(runs.c.state == "finished", runs.c.experiment_id != without)
                .order_by(runs.c.number)
            ).all()
        folders = {run_id: self.home.experiment(experiment_id).run(run_id) for run_id, experiment_id in found}
        return {run_id: folder.path for run_id, folder in folders.items() if folder.result.exists()}

    def outcome(
        self, experiment_id: str, *, after: int, token: str = ""
    ) -> tuple[bool, Outcome | None, str, Failure]:
        """Of the worker that began at byte `after` of the events with this token: started?, its outcome if it ended,
        why, and of a failure its class.
        """
        with self._database.read() as connection:
            row = connection.execute(select(workers).where(workers.c.experiment_id == experiment_id)).one_or_none()
        if row is None or row.started_offset <= after or row.token != token:
            return False, None, "", ""
        outcome = row.outcome if row.ended_offset > after else None
        return True, outcome, row.outcome_reason, row.outcome_failure

    def ids_starting(self, prefix: str, *, limit: int = 5) -> list[str]:
        """Experiments whose id begins so, newest first."""
        with self._database.read() as connection:
            return list(
                connection.scalars(
                    select(experiments.c.experiment_id)
                    .where(experiments.c.experiment_id.startswith(prefix, autoescape=True))
                    .order_by(experiments.c.created_at.desc())
                    .limit(limit)
                )
            )

    def runs_starting(self, prefix: str, *, limit: int = 5) -> list[tuple[str, str]]:
        """(experiment id, run id) of runs whose id begins so, in the newest experiment that has each."""
        with self._database.read() as connection:
            found = connection.execute(
                select(runs.c.run_id, runs.c.experiment_id)
                .where(runs.c.run_id.startswith(prefix, autoescape=True))
                .order_by(runs.c.number)
            ).all()
        return [(experiment, run) for run, experiment in dict(map(tuple, found)).items()][:limit]
