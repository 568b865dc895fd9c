"""Opens the SQLite file of the index: connection settings, transactions and schema revision."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError

from distill_core.errors import LabError
from distill_core.folders import Home, HomeUnusable

# The newest file in migrations/versions; asking Alembic would cost its import at every start.
HEAD = "0004"
# A web rerun may meet a reindex or a slow disk; giving up at once would show as an error.
BUSY_MS = 20_000
# What SQLite says of a folder or a disk rather than of the file's content.
_NOT_DAMAGE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL)
_preparing = threading.Lock()


class DamagedIndex(LabError):
    """The database file cannot be used; the experiments' folders still hold everything."""


class Database:
    """Connections to one home's index. Thread-safe; each thread borrows its own connection."""

    def __init__(self, home: Home) -> None:
        """Raises HomeUnusable, or DamagedIndex."""
        self.home = home
        self._engine = _engine(home.database)
        self._writing = self._engine.execution_options(immediate=True)
        try:
            with home.usable():
                if _revision(home.database) != HEAD:
                    self._migrate()
        except DatabaseError as error:
            if isinstance(error, OperationalError) and "locked" in str(error):
                raise
            self.close()
            raise _told(home, error.orig or error) from error
        except sqlite3.DatabaseError as error:
            self.close()
            raise _told(home, error) from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one moment of the index."""
        with self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its start, so that what it read stays true."""
        with self._writing.begin() as connection:
            yield connection

    def close(self) -> None:
        self._engine.dispose()

    def _migrate(self) -> None:
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        # Two processes may open a fresh home at once; only one may create the tables.
        with _preparing, self.home.database_lock.open("w") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            if _revision(self.home.database) == HEAD:
                return
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
            config.set_main_option("path_separator", "os")
            try:
                with self.write() as connection:
                    config.attributes["connection"] = connection
                    command.upgrade(config, "head")
            except CommandError as error:
                raise DamagedIndex(
                    f"The index {self.home.database} was made by another version of Distill Lab ({error}). "
                    "Update Distill Lab, or rebuild the index with `python -m distill_core reindex`."
                ) from error


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


def _told(home: Home, error: BaseException) -> LabError:
    # The low byte; the others only refine it.
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _NOT_DAMAGE:
        return HomeUnusable(home.path, str(error))
    return DamagedIndex(
        f"The index {home.database} cannot be used ({error}). Nothing is lost: "
        "`python -m distill_core reindex` rebuilds it from the experiments' folders."
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


def _revision(path: Path) -> str | None:
    """The schema's revision; None for a database without tables."""
    if not path.exists():
        return None
    connection = sqlite3.connect(path, timeout=BUSY_MS / 1000)
    try:
        found = connection.execute("SELECT name FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if found else None
        return str(row[0]) if row else None
    finally:
        connection.close()
