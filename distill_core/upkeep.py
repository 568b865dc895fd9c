"""Keeps the home folder in order: the trash, disk use, needless checkpoints, backups, the index."""

from __future__ import annotations

import math
import secrets
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from distill_core.access import Acting, needs
from distill_core.audit import Audit
from distill_core.backup import BackupFacts, BackupRefused, unpack, write_backup
from distill_core.disk_use import DiskUse, disk_use, folder_bytes, needless_checkpoints
from distill_core.errors import Conflict
from distill_core.folders import Home
from distill_core.rows import ExperimentRow
from distill_core.store.database import DamagedIndex, set_aside
from distill_core.store.store import Store
from distill_core.store.transitions import ACTIVE, ENDED
from distill_core.store.trash import SECONDS_OF_A_DAY, trash_days
from distill_core.teacher_answers import forget_all, kept_bytes

_FRESH_SECONDS = 60.0


@dataclass(frozen=True)
class Trashed:
    """A deleted experiment. `days_left` None: it is kept for ever; 0: it goes as soon as nothing else is done."""

    row: ExperimentRow
    deleted_at: float
    days_left: int | None
    use: DiskUse


@dataclass(frozen=True)
class HomeUse:
    """Bytes of the home folder: of experiments one by one, the largest first, and of the rest by name."""

    experiments: tuple[tuple[ExperimentRow, DiskUse], ...]
    others: dict[str, int]

    @property
    def of_experiments(self) -> DiskUse:
        return sum((use for _, use in self.experiments), DiskUse())

    @property
    def total(self) -> int:
        return self.of_experiments.total + sum(self.others.values())


@dataclass(frozen=True)
class Restored:
    """What a restore did: ids put in place, ids left as they were, other things left as they were, and troubles."""

    facts: BackupFacts
    experiments: tuple[str, ...]
    kept: tuple[str, ...]
    others_kept: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass
class _Measured:
    """What was measured of folders, shared by all twins of an Upkeep."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    known: dict[str, tuple[tuple[object, ...], DiskUse]] = field(default_factory=dict)


class Upkeep(Acting):
    """Thread-safe; loads no torch. Disk use is measured once for an ended experiment, each minute for another."""

    def __init__(self, home: Home, store: Callable[[], Store], audit: Audit, *, clock: Callable[[], float]) -> None:
        self._home, self._store, self._audit, self._clock = home, store, audit, clock
        self._measured = _Measured()

    # Disk use --------------------------------------------------------------------------------

    @needs("viewer")
    def uses(self, rows: Sequence[ExperimentRow]) -> dict[str, DiskUse]:
        """Bytes of these experiments by id; a few milliseconds for a page of them."""
        return {row.experiment_id: self._use(row) for row in rows}

    @needs("viewer")
    def home_use(self) -> HomeUse:
        """Of everything, also the trash. Takes about a second for 1,000 experiments the first time."""
        rows = self._store().experiments(limit=1_000_000, include_deleted=True)
        found = sorted(((row, self._use(row)) for row in rows), key=lambda pair: -pair[1].total)
        others = {
            path.name: folder_bytes(path) if path.is_dir() else path.stat().st_size
            for path in sorted(self._home.path.glob("*"))
            if path != self._home.experiments and (path.is_dir() or path.is_file())
        }
        return HomeUse(tuple(found), others)

    @needs("viewer")
    def freed_by_keeping_best(self, experiment_ids: Sequence[str] = ()) -> dict[str, int]:
        """What `keep_only_best` would free, in bytes by id; those that have nothing to free are left out.

        No ids: of all ended experiments that the actor may change.
        """
        found = {}
        for experiment_id in experiment_ids or self._ended_own():
            paths = needless_checkpoints(self._home.experiment(experiment_id))
            if size := sum(path.stat().st_size for path in paths if path.exists()):
                found[experiment_id] = size
        return found

    @needs("operator")
    def keep_only_best(self, experiment_ids: Sequence[str]) -> int:
        """Remove checkpoints that only resuming would need; returns the bytes freed. Raises NotFound, Conflict.

        The best network of every run stays. Unfinished runs that are resumed afterwards begin from their start.
        """
        for experiment_id in experiment_ids:  # Before anything goes: a refusal half way would leave half of it done.
            self._require_own(experiment_id)
        freed = 0
        for experiment_id in experiment_ids:
            with self._store().trash.at_rest(experiment_id) as folder:
                for path in needless_checkpoints(folder):
                    freed += path.stat().st_size
                    path.unlink()
            with self._measured.lock:
                self._measured.known.pop(experiment_id, None)
            self._audit.record(self.actor.name, "purge", experiment_id, detail="checkpoints, but for the best")
        return freed

    @needs("viewer")
    def teacher_answers(self) -> int:
        """Bytes of teachers' answers that are kept for later trainings."""
        return kept_bytes(self._home)

    @needs("admin")
    def forget_teacher_answers(self) -> int:
        """Remove them; returns the bytes freed. Results do not change: a training that needs them asks again."""
        freed = forget_all(self._home)
        self._audit.record(self.actor.name, "purge", "teacher answers")
        return freed

    # Trash -----------------------------------------------------------------------------------

    @needs("viewer")
    def trash(self) -> list[Trashed]:
        """Deleted experiments, those deleted last first."""
        days, now, trash = trash_days(), self._clock(), self._store().trash
        found = []
        for row in trash.rows():
            at = trash.deleted_at(row)
            # The day that has begun counts; a clock set back adds none.
            left = None if days is None else min(days, max(0, math.ceil(days - (now - at) / SECONDS_OF_A_DAY)))
            found.append(Trashed(row, at, left, self._use(row)))
        return found

    @needs("operator")
    def purge(self, experiment_id: str) -> None:
        """Take a deleted experiment from the disk for good. Raises NotFound, Conflict."""
        self._require_own(experiment_id)
        self._store().trash.purge(experiment_id)
        self._audit.record(self.actor.name, "purge", experiment_id)

    @needs("admin")
    def purge_older(self, days: float) -> list[str]:
        """Purge what was deleted longer ago than this; returns the ids that are gone."""
        gone = self._store().trash.purge_older(days=days, now=self._clock())
        for experiment_id in gone:
            self._audit.record(self.actor.name, "purge", experiment_id, detail=f"deleted over {days:g} days before")
        return gone

    # Backups ---------------------------------------------------------------------------------

    @needs("admin")
    def backups(self) -> list[Path]:
        """Those in the home folder, the newest first."""
        return sorted(self._home.backups.glob("*.tar.gz"), reverse=True)

    @needs("admin")
    def backup(
        self, path: Path | None = None, *, models: bool = True, tell: Callable[[int, int], None] = lambda done, of: None
    ) -> tuple[Path, BackupFacts]:
        """Write a backup, of that name or into the home's own folder, while experiments run. Takes a while.

        Raises BackupRefused, HomeUnusable.
        """
        now = self._clock()
        if path is None:
            with self._home.usable():
                self._home.backups.mkdir(exist_ok=True)
            path = self._home.backups / f"distill-lab-{datetime.fromtimestamp(now, UTC):%Y-%m-%d-%H%M%S}.tar.gz"
        facts = write_backup(self._home, path, now=now, models=models, tell=tell)
        self._audit.record(self.actor.name, "backup", detail=path.name)
        return path, facts

    @needs("admin")
    def restore(self, path: Path, *, replace: bool = False) -> Restored:
        """Bring back what a backup holds and this home lacks, or all of it with `replace`. Takes a while.

        Checksums are compared before anything is put in its place. Raises BackupRefused, Conflict while experiments
        wait or run here.
        """
        if active := self._store().in_states(ACTIVE):
            raise Conflict(
                f"{len(active)} experiments wait or run here, among them {active[0].experiment_id}; allowed: a home at "
                "rest. Wait for their end, or stop them, then restore."
            )
        if going := self._store().sweeps.going():
            raise Conflict(f"Sweep {going[0]} goes on here; allowed: a home at rest. Stop it, then restore.")
        if not path.is_file():
            raise BackupRefused(f"There is no file {path}; allowed: a backup that `backup` wrote. Check its name.")
        staging = self._home.restoring(secrets.token_hex(4))
        with self._home.usable():
            pass
        facts = unpack(path, staging)
        try:
            done, kept, others = self._put_in_place(staging, replace=replace)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            self._store().trash.sweep()
        _, problems = self._store().reindex()
        self._audit.record(self.actor.name, "restore", detail=f"{path.name}: {len(done)} experiments")
        return Restored(facts, tuple(done), tuple(kept), tuple(others), tuple(problems))

    def _put_in_place(self, staging: Path, *, replace: bool) -> tuple[list[str], list[str], list[str]]:
        done: list[str] = []
        kept: list[str] = []
        others: list[str] = []
        # What experiments refer to comes before them.
        for unit in _units(staging):
            name = unit.relative_to(staging).as_posix()
            target = self._home.path / name
            # What was done here, and who may do what, no backup replaces.
            ours = name in (self._home.audit.name, "access.json")
            if target.exists() and (ours or not replace):
                others.append(name)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                self._home.doomed.mkdir(exist_ok=True)
                target.rename(self._home.doomed / f"{target.name}-{secrets.token_hex(4)}")
            unit.rename(target)
        for folder in sorted((staging / "experiments").glob("*")):
            placed = self._store().trash.put_in_place(folder, folder.name, replace=replace)
            (done if placed else kept).append(folder.name)
        return done, kept, others

    # The index ------------------------------------------------------------------------------

    @needs("admin")
    def reindex(self) -> tuple[int, list[str]]:
        """Rebuild the index from the folders: how many experiments, and what could not be read. Takes a while.

        A database that cannot be used is set aside first.
        """
        try:
            store = self._store()
        except DamagedIndex:
            set_aside(self._home, suffix=str(int(self._clock())))
            store = self._store()
        return store.reindex()

    # Within ----------------------------------------------------------------------------------

    def _require_own(self, experiment_id: str) -> None:
        # An admin may also remove what this version cannot read.
        if not self.actor.has("admin"):
            self.actor.require_own(self._store().experiment(experiment_id).row.owner)

    def _ended_own(self) -> list[str]:
        """All of an admin."""
        owner = "" if self.actor.has("admin") else self.actor.name
        rows = self._store().experiments(limit=1_000_000, states=ENDED, owner=owner)
        return [row.experiment_id for row in rows]

    def _use(self, row: ExperimentRow) -> DiskUse:
        moment = () if row.state in ENDED else (int(self._clock() / _FRESH_SECONDS),)
        stamp = (row.state, row.attempt, row.finished_at, row.runs_total, *moment)
        with self._measured.lock:
            known = self._measured.known.get(row.experiment_id)
        if known is None or known[0] != stamp:
            known = stamp, disk_use(self._home.experiment(row.experiment_id).path)
            with self._measured.lock:
                self._measured.known[row.experiment_id] = known
        return known[1]


def _units(staging: Path) -> list[Path]:
    """What is kept or replaced as one, beside experiments: top files, and what lies in top folders."""
    found: list[Path] = []
    for path in sorted(staging.glob("*")):
        if path.is_file():
            found.append(path)
        elif path.name != "experiments":
            found += sorted(path.iterdir())
    return found
