"""The index as an SQLite file in the home folder: connection settings, locks and what its errors mean."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, DBAPIError

from distill_core.errors import LabError
from distill_core.folders import Home, HomeUnusable
from distill_core.store.unavailable import DamagedIndex, IndexUnavailable

# A web rerun may meet a reindex or a slow disk; giving up at once would show as an error.
BUSY_MS = 20_000
# What SQLite says of a folder or a disk rather than of the file's content.
_NOT_DAMAGE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_preparing = threading.Lock()


class SqliteIndex:
    """One home's file."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.engine = _engine(home.database)
        self.reading = self.engine
        self.writing = self.engine.execution_options(immediate=True)

    @property
    def title(self) -> str:
        return f"SQLite, {self.home.database}"

    def revision(self) -> str | None:
        """The schema's revision; None for a database without tables."""
        if not self.home.database.exists():
            return None
        connection = sqlite3.connect(self.home.database, timeout=BUSY_MS / 1000)
        try:
            found = connection.execute("SELECT name FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if found else None
            return str(row[0]) if row else None
        finally:
            connection.close()

    @contextmanager
    def preparing(self) -> Iterator[None]:
        """Two processes may open a fresh home at once; only one may create the tables."""
        with _preparing, self.home.database_lock.open("w") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            yield

    def in_use(self, error: BaseException) -> LabError | None:
        """What is said of an error in the midst of work; None for one that is no matter of the database's state."""
        code = _code(error)
        return _busy() if code in _BUSY else None

    def on_opening(self, error: BaseException) -> LabError:
        """What is said of an error in opening the file."""
        cause = (error.orig or error) if isinstance(error, DatabaseError) else error
        code = _code(error)
        if code in _BUSY:
            return _busy()
        if code in _NOT_DAMAGE:
            return HomeUnusable(self.home.path, str(cause))
        return DamagedIndex(
            f"The index {self.home.database} cannot be used ({cause}). Nothing is lost: "
            "`python -m distill_core reindex` rebuilds it from the experiments' folders."
        )

    @contextmanager
    def only_dispatcher(self) -> Iterator[Callable[[], bool]]:
        """The lock of the home folder tells all who can reach this file."""
        yield lambda: True


def set_aside(home: Home, *, suffix: str) -> Path | None:
    """Move a damaged database out of the way, keeping it for inspection; returns its new path."""
    moved = None
    for ending in ("", "-wal", "-shm"):
        path = home.database.with_name(home.database.name + ending)
        if path.exists():
            target = path.with_name(f"{path.name}.damaged-{suffix}")
            path.rename(target)
            moved = moved or target
    return moved


def _code(error: BaseException) -> int:
    cause = error.orig if isinstance(error, DBAPIError) else error
    # The low byte; the others only refine it.
    return int(getattr(cause, "sqlite_errorcode", 0)) & 0xFF


def _busy() -> IndexUnavailable:
    return IndexUnavailable(
        f"The index is busy: another process has been writing for {BUSY_MS // 1000} seconds. Nothing is lost; try "
        "again in a moment."
    )


def _engine(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}", connect_args={"timeout": BUSY_MS / 1000}, pool_size=8, max_overflow=24
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, record: Any) -> None:
        # None: the driver begins nothing by itself, so that BEGIN IMMEDIATE below is the only BEGIN.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine
