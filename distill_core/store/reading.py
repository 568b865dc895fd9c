"""What the index tells of experiments and their runs: the half of the store that changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Column, select

from distill_core.events import Failure, State
from distill_core.folders import Home
from distill_core.rows import ExperimentRow, ExperimentView, RunRow
from distill_core.store import queries, records
from distill_core.store.database import Database
from distill_core.store.schema import experiments, runs, workers

Outcome = Literal["succeeded", "failed", "cancelled"]


class Reading:
    """One home's index, to look at. Thread-safe."""

    def __init__(self, home: Home, database: Database) -> None:
        self.home = home
        self._database = database

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
        owner: str = self._told_of(experiment_id, experiments.c.owner)
        return owner

    def made_by(self, idempotency_key: str) -> str | None:
        """The experiment that a launch with this key made before; None for no key."""
        if not idempotency_key:
            return None
        with self._database.read() as connection:
            found: str | None = connection.scalar(
                select(experiments.c.experiment_id).where(experiments.c.idempotency_key == idempotency_key)
            )
        return found

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
        state: State = self._told_of(experiment_id, experiments.c.state)
        return state

    def states(self, experiment_ids: Sequence[str]) -> dict[str, State]:
        """By id, of those that there are."""
        with self._database.read() as connection:
            found = connection.execute(
                select(experiments.c.experiment_id, experiments.c.state)
                .where(experiments.c.experiment_id.in_(experiment_ids))
            ).all()
        return {row.experiment_id: row.state for row in found}

    def _told_of(self, experiment_id: str, column: Column[Any]) -> Any:
        """One column of an experiment, which is never null. Raises NotFound."""
        with self._database.read() as connection:
            found = connection.scalar(select(column).where(experiments.c.experiment_id == experiment_id))
        if found is None:
            raise records.unknown(experiment_id)
        return found

    def experiment(self, experiment_id: str) -> ExperimentView:
        """Raises NotFound, or SpecError if another version of the lab wrote a spec that this one cannot read."""
        with self._database.read() as connection:
            view = queries.experiment_view(connection, experiment_id)
        if view is None:
            raise records.unknown(experiment_id)
        return view

    def candidates(
        self, *, dataset: str, teacher: str, students: Sequence[str], seeds: int
    ) -> list[tuple[str, State, bool, dict[str, Any]]]:
        """(id, state, whether deleted, spec as JSON) of experiments that agree in all this, newest first."""
        with self._database.read() as connection:
            return queries.candidates(
                connection, dataset=dataset, teacher=teacher, students=list(students), seeds=seeds
            )

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

    def kept_validation(self, experiment_id: str) -> dict[str, float]:
        """By run id the validation figure of the weights that are kept: see queries.kept_validation."""
        with self._database.read() as connection:
            return queries.kept_validation(connection, experiment_id)

    def budget_points(self, experiment_id: str, *, most: int = 2000) -> list[tuple[Any, ...]]:
        """What a loss budget is told from: see queries.budget_points."""
        with self._database.read() as connection:
            return queries.budget_points(connection, experiment_id, most=most)

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
