"""The sweeps of one index: made, moved and filled here; each change is in the sweep's folder before it is in a row."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from distill_core.errors import Conflict, DamagedFile, LabError
from distill_core.folders import Home, SweepFolder, write_json
from distill_core.spec_parts import Frozen
from distill_core.store import sweep_queries, sweep_records
from distill_core.store.database import Database
from distill_core.store.schema import sweeps
from distill_core.store.sweep_records import (
    JudgedLine,
    MovedLine,
    ReopenedLine,
    RoundLine,
    StateLine,
    ToldLine,
)
from distill_core.sweep_rows import GOING, Round, RoundOutcome, SweepRow, SweepRun, SweepState, Trial
from distill_core.sweep_spec import SweepSpec


class SweepStore:
    """Thread-safe; any number of processes may use it at once."""

    def __init__(self, home: Home, database: Database) -> None:
        self._home, self._database = home, database

    # Look ------------------------------------------------------------------------------------

    def rows(
        self, *, search: str = "", limit: int = 50, offset: int = 0, deleted: bool | None = False, owner: str = ""
    ) -> list[SweepRow]:
        """Newest first; every word of `search` must occur in the name or begin the id. `deleted` None: those too."""
        with self._database.read() as connection:
            return sweep_queries.sweep_rows(
                connection, search=search, limit=limit, offset=offset, deleted=deleted, owner=owner
            )

    def row(self, sweep_id: str) -> SweepRow:
        """Raises NotFound."""
        with self._database.read() as connection:
            found = sweep_queries.sweep_rows(connection, sweep_id=sweep_id, deleted=None)
        if not found:
            raise sweep_records.unknown(sweep_id)
        return found[0]

    def owner(self, sweep_id: str) -> str:
        """Raises NotFound."""
        with self._database.read() as connection:
            return str(sweep_records.get(connection, sweep_id)["owner"])

    def going(self) -> list[str]:
        """Ids of the sweeps that the dispatcher has to look after, oldest first."""
        with self._database.read() as connection:
            return sweep_queries.going(connection)

    def made_by(self, idempotency_key: str) -> str | None:
        """The sweep that a launch with this key made before; None for no key."""
        with self._database.read() as connection:
            return sweep_queries.made_by(connection, idempotency_key)

    def ids_starting(self, prefix: str, *, limit: int = 5) -> list[str]:
        """Sweeps whose id begins so, newest first."""
        with self._database.read() as connection:
            return sweep_queries.ids_starting(connection, prefix, limit=limit)

    def networks(self, sweep_id: str) -> dict[str, dict[str, int]]:
        """Parameters and file size by student network; empty where no limit needs them. Raises NotFound."""
        with self._database.read() as connection:
            return dict(sweep_records.get(connection, sweep_id)["networks"])

    def judged(self, sweep_id: str) -> frozenset[tuple[int, int]]:
        """(batch, number of seeds) of what the pruner has judged. Raises NotFound."""
        with self._database.read() as connection:
            found = sweep_records.get(connection, sweep_id)["judged"]
        return frozenset((batch, seeds) for batch, seeds in found)

    def trials(self, sweep_id: str) -> list[Trial]:
        with self._database.read() as connection:
            return sweep_queries.trials_of(connection, sweep_id)

    def rounds(self, sweep_id: str) -> list[Round]:
        with self._database.read() as connection:
            return sweep_queries.rounds_of(connection, sweep_id)

    def runs(self, experiment_ids: Sequence[str]) -> list[SweepRun]:
        """Of these experiments, students and those trained alone, in the order they were declared."""
        with self._database.read() as connection:
            return sweep_queries.runs_of(connection, experiment_ids)

    def version(self, sweep_id: str) -> str:
        """Changes whenever anything of the sweep or its runs does. Raises NotFound."""
        with self._database.read() as connection:
            return sweep_queries.version_of(connection, sweep_id)

    def of_experiment(self, experiment_id: str) -> tuple[str, int] | None:
        """The sweep and the round that an experiment belongs to."""
        with self._database.read() as connection:
            return sweep_queries.of_experiment(connection, experiment_id)

    # Change ----------------------------------------------------------------------------------

    def create(
        self, spec: SweepSpec, *, sweep_id: str, created_at: float, idempotency_key: str = "", owner: str = "",
        networks: Mapping[str, Mapping[str, int]] | None = None, trials: Sequence[Trial] = (),
    ) -> str:
        """Write the sweep's folder, then its rows, running. A known key returns the id it made before.

        Raises HomeUnusable.
        """
        folder = self._home.sweep(sweep_id)
        with self._database.write() as connection:
            known = sweep_queries.made_by(connection, idempotency_key)
            if known is not None:
                return known
            try:
                with self._home.usable():
                    folder.path.mkdir(parents=True)
                    _write_own(
                        folder, spec, created_at=created_at, idempotency_key=idempotency_key, owner=owner,
                        networks=networks or {},
                    )
                    if trials:
                        sweep_records.append(folder.trials, [sweep_records.line_of(trial) for trial in trials])
                    sweep_records.append(folder.journal, [StateLine(at=created_at, state="running")])
                sweep_records.add(connection, folder)
            except Exception:
                # On a full disk: what was refused must not come back with a reindex.
                shutil.rmtree(folder.path, ignore_errors=True)
                raise
        return sweep_id

    def add_trials(self, sweep_id: str, made: Sequence[Trial]) -> None:
        """Append trials, whose numbers go on where those known end. Raises Conflict where another was quicker."""
        folder = self._home.sweep(sweep_id)
        with self._database.write() as connection:
            row = sweep_records.catch_up(connection, folder)
            known = len(sweep_queries.trials_of(connection, sweep_id))
            if [trial.number for trial in made] != list(range(known, known + len(made))):
                self._refuse(connection, f"Sweep {sweep_id} has {known} trials by now; ask again.")
            if row["state"] != "running":
                self._refuse(connection, f"Sweep {sweep_id} is {row['state']}, so it takes no more trials.")
            sweep_records.append(folder.trials, [sweep_records.line_of(trial) for trial in made])
            sweep_records.catch_up(connection, folder)

    def begin_round(
        self, sweep_id: str, *, experiment_id: str, trials: Sequence[int], seeds: Sequence[int], at: float
    ) -> Round:
        """Write down that a round begins; its experiment is made next.

        Raises Conflict unless the sweep is running and has these trials: a reader takes a trial that a round names and
        the file lacks for one that was lost.
        """
        folder = self._home.sweep(sweep_id)
        with self._database.write() as connection:
            row = sweep_records.catch_up(connection, folder)
            if row["state"] != "running":
                self._refuse(connection, f"Sweep {sweep_id} is {row['state']}, so no round begins.")
            known = len(sweep_queries.trials_of(connection, sweep_id))
            if any(number not in range(known) for number in trials):
                self._refuse(connection, f"Sweep {sweep_id} has {known} trials, so no round begins with others.")
            number = len(sweep_queries.rounds_of(connection, sweep_id)) + 1
            line = RoundLine(
                at=at, number=number, experiment_id=experiment_id, trials=tuple(trials), seeds=tuple(seeds)
            )
            self._journalled(connection, folder, line)
            return sweep_queries.rounds_of(connection, sweep_id)[-1]

    def tell(self, sweep_id: str, number: int, *, outcome: RoundOutcome, reason: str, at: float) -> None:
        """Take note of how a round's experiment ended."""
        self._write(sweep_id, ToldLine(at=at, number=number, outcome=outcome, reason=reason))

    def correct_round(self, sweep_id: str, number: int, *, experiment_id: str, at: float) -> None:
        """A round's experiment is there under another id."""
        self._write(sweep_id, MovedLine(at=at, number=number, experiment_id=experiment_id))

    def judge(self, sweep_id: str, *, batch: int, seeds: int, pruned: Mapping[int, str], at: float) -> None:
        """Write down what the pruner made of a batch after so many seeds; of trials that are there alone."""
        known = {trial.number for trial in self.trials(sweep_id)}
        told = {number: why for number, why in pruned.items() if number in known}
        self._write(sweep_id, JudgedLine(at=at, batch=batch, seeds=seeds, pruned=told))

    def move(
        self, sweep_id: str, *, expected: Collection[SweepState], to: SweepState, at: float, reason: str = "",
        reopened: Sequence[int] = (), spec: SweepSpec | None = None, trials: Sequence[Trial] = (),
        networks: Mapping[str, Mapping[str, int]] | None = None,
    ) -> None:
        """Change the state of a sweep that is in an expected one. Raises NotFound, Conflict.

        With it rounds are reopened; or an extended `spec` takes the place of the old one, with more trials.
        """
        folder = self._home.sweep(sweep_id)
        with self._database.write() as connection:
            row = sweep_records.catch_up(connection, folder)
            if row["state"] not in expected:
                self._refuse(connection, f"Sweep {sweep_id} is {row['state']}, so it cannot become {to} now.")
            if row["deleted"] and to in GOING:
                self._refuse(connection, f"Sweep {sweep_id} is in the trash; take it out there, then ask again.")
            if spec is not None:
                known = row["networks"] | dict(networks or {})
                _write_own(
                    folder, spec, created_at=row["created_at"], owner=row["owner"], networks=known,
                    idempotency_key=row["idempotency_key"] or "",
                )
                values = {"spec": spec.to_json(), "name": spec.name, "networks": known}
                connection.execute(update(sweeps).where(sweeps.c.sweep_id == sweep_id).values(**values))
            if trials:
                sweep_records.append(folder.trials, [sweep_records.line_of(trial) for trial in trials])
            lines: list[Frozen] = [ReopenedLine(at=at, numbers=tuple(reopened))] if reopened else []
            self._journalled(connection, folder, *lines, StateLine(at=at, state=to, reason=reason))

    def set_deleted(self, sweep_id: str, deleted: bool, *, at: float, experiments: Sequence[str] = ()) -> None:
        """Hide a sweep at rest, or show it again; `experiments` were hidden with it. Raises NotFound, Conflict."""
        folder = self._home.sweep(sweep_id)
        with self._database.write() as connection:
            row = sweep_records.catch_up(connection, folder)
            if deleted and row["state"] in GOING:
                self._refuse(connection, f"Sweep {sweep_id} is {row['state']}; stop it before deleting it.")
            if deleted:
                write_json(folder.deleted, {"at": at, "experiments": list(experiments)})
            else:
                folder.deleted.unlink(missing_ok=True)
            connection.execute(
                update(sweeps).where(sweeps.c.sweep_id == sweep_id)
                .values(deleted=deleted, deleted_at=at if deleted else None)
            )

    def purge_older(self, *, days: float, now: float) -> list[str]:
        """Take sweeps from the disk that were deleted longer ago; their experiments are the trash's own."""
        with self._database.read() as connection:
            found = connection.execute(
                select(sweeps.c.sweep_id, sweeps.c.deleted_at).where(sweeps.c.deleted.is_(True))
            ).all()
        gone = [row.sweep_id for row in found if now - (row.deleted_at or now) >= days * 86_400]
        for sweep_id in gone:
            with self._database.write() as connection:
                shutil.rmtree(self._home.sweep(sweep_id).path, ignore_errors=True)
                sweep_records.forget(connection, sweep_id)
        return gone

    def reindex(self) -> list[str]:
        """Rebuild every row from the folders; returns what could not be read. One transaction a sweep."""
        problems = []
        for path in sorted(path for path in self._home.sweeps.glob("*") if path.is_dir()):
            with self._database.write() as connection:
                sweep_records.forget(connection, path.name)
                try:
                    sweep_records.add(connection, SweepFolder(path))
                    sweep_queries.trials_of(connection, path.name)
                except DamagedFile as error:
                    problems.append(error.sentence)
                except LabError as error:
                    problems.append(f"Sweep {path.name}: {error.sentence}")
                except (OSError, ValueError, KeyError, TypeError) as error:
                    problems.append(f"Sweep {path.name}: its sweep.json cannot be read ({error}).")
        with self._database.write() as connection:
            for known in connection.scalars(select(sweeps.c.sweep_id)).all():
                if not self._home.sweep(known).path.is_dir():
                    sweep_records.forget(connection, known)
        return problems

    # Within ----------------------------------------------------------------------------------

    def _write(self, sweep_id: str, line: Frozen) -> None:
        folder = self._home.sweep(sweep_id)
        with self._database.write() as connection:
            sweep_records.catch_up(connection, folder)
            self._journalled(connection, folder, line)

    def _journalled(self, connection: Connection, folder: SweepFolder, *lines: Frozen) -> None:
        sweep_records.append(folder.journal, lines)
        sweep_records.catch_up(connection, folder)

    def _refuse(self, connection: Connection, sentence: str) -> None:
        """What a killed predecessor wrote is kept, or whoever goes by the index would be refused for ever."""
        connection.commit()
        raise Conflict(sentence)


def _write_own(
    folder: SweepFolder, spec: SweepSpec, *, created_at: float, idempotency_key: str, owner: str,
    networks: Mapping[str, Any],
) -> None:
    write_json(
        folder.sweep,
        {
            "sweep_id": folder.path.name, "created_at": created_at, "idempotency_key": idempotency_key, "owner": owner,
            "spec": spec.to_json(), "networks": dict(networks),
        },
    )
