"""Opens the index, in SQLite or PostgreSQL: transactions, the schema's revision, and errors as sentences."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from distill_core.folders import Home, HomeUnusable
from distill_core.store import sqlite_index
from distill_core.store.postgres_index import SETTING, PostgresIndex
from distill_core.store.sqlite_index import SqliteIndex
from distill_core.store.unavailable import DamagedIndex as DamagedIndex
from distill_core.store.unavailable import DatabaseRefused as DatabaseRefused
from distill_core.store.unavailable import IndexUnavailable as IndexUnavailable

# The newest file in migrations/versions; asking Alembic would cost its import at every start.
HEAD = "0007"


class Database:
    """Connections to one home's index. Thread-safe; each thread borrows its own connection.

    `DISTILL_DATABASE_URL` names a PostgreSQL database, one for each home; without it the index is a file in the home.
    """

    def __init__(self, home: Home) -> None:
        """Raises HomeUnusable, DamagedIndex, DatabaseRefused, IndexUnavailable."""
        self.home = home
        self._index = _index(home)
        try:
            with home.usable():
                if self._index.revision() != HEAD:
                    self._migrate()
        except (DBAPIError, sqlite3.DatabaseError) as error:
            self.close()
            raise self._index.on_opening(error) from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one moment of the index. Raises IndexUnavailable."""
        with self._told(), self._index.reading.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its start, so that what it read stays true.

        Raises IndexUnavailable.
        """
        with self._told(), self._index.writing.begin() as connection:
            yield connection

    @contextmanager
    def only_dispatcher(self) -> Iterator[Callable[[], bool]]:
        """Tells, whenever asked, that no other dispatcher works on this database, on whatever machine.

        Raises IndexUnavailable.
        """
        with self._told(), self._index.only_dispatcher() as held:
            yield held

    def close(self) -> None:
        self._index.engine.dispose()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.DatabaseError) as error:
            if (said := self._index.in_use(error)) is not None:
                raise said from error
            raise

    def _migrate(self) -> None:
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        with self._index.preparing():
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
            config.set_main_option("path_separator", "os")
            try:
                # One transaction for all steps: whoever is killed in it leaves the schema as it was.
                with self._index.writing.begin() as connection:
                    # Another process may have been quicker.
                    if self._index.revision() == HEAD:
                        return
                    config.attributes["connection"] = connection
                    command.upgrade(config, "head")
            except CommandError as error:
                raise DamagedIndex(
                    f"The index in {self._index.title} was made by another version of Distill Lab ({error}). "
                    "Update Distill Lab, or rebuild the index with `python -m distill_core reindex`."
                ) from error


def database_title(home: Home) -> str:
    """Which database this home uses, in words without a password. Raises DatabaseRefused."""
    index = _index(home)
    try:
        return index.title
    finally:
        index.engine.dispose()


def set_aside(home: Home, *, suffix: str) -> Path | str | None:
    """Move a damaged index out of the way, keeping it for inspection; returns where it is now."""
    index = _index(home)
    with home.usable() if isinstance(index, SqliteIndex) else nullcontext():
        return index.set_aside(suffix=suffix) if isinstance(index, PostgresIndex) else sqlite_index.set_aside(
            home, suffix=suffix
        )


def _index(home: Home) -> SqliteIndex | PostgresIndex:
    address = os.environ.get(SETTING, "").strip()
    return PostgresIndex(address) if address else SqliteIndex(home)


__all__ = ["HEAD", "DamagedIndex", "Database", "DatabaseRefused", "HomeUnusable", "IndexUnavailable", "set_aside"]
