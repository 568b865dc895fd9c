"""The index in a PostgreSQL database: its address, its locks and what its errors mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from sqlalchemy import URL, Connection, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, PendingRollbackError, ProgrammingError

from distill_core.errors import LabError
from distill_core.store.unavailable import DamagedIndex, DatabaseRefused, IndexUnavailable

SETTING = "DISTILL_DATABASE_URL"
_ALLOWED = "postgresql://USER:PASSWORD@HOST/DATABASE"
_DRIVER = "postgresql+psycopg"
# Any two numbers that other users of the database are unlikely to lock by.
_WRITER, _DISPATCHER = 0x64697374_01, 0x64697374_02
_CONNECT_SECONDS, _LOCK_SECONDS = 10, 20
_LOST = ("57P01", "57P02", "57P03")  # the server is shutting down, crashed or starting
_LOCKED = "55P03"


class PostgresIndex:
    """One database. Its writers take turns by an advisory lock, so that cursors are seen in the order they count."""

    def __init__(self, address: str) -> None:
        """Raises DatabaseRefused."""
        self._url = _checked(address)
        try:
            self.engine = create_engine(
                self._url, pool_pre_ping=True, pool_size=8, max_overflow=24,
                connect_args={"connect_timeout": _CONNECT_SECONDS, "application_name": "distill-lab"},
            )
        except ImportError as error:
            raise DatabaseRefused(
                f"{SETTING} asks for PostgreSQL, whose driver is not installed; allowed: with it. "
                "Install it by `pip install 'psycopg[binary]'`, or unset the setting."
            ) from error
        # One moment for all reads of a view, as SQLite gives it.
        self.reading = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self.writing = self.engine.execution_options(isolation_level="READ COMMITTED", immediate=True)

        @event.listens_for(self.engine, "begin")
        def _begin(connection: Connection) -> None:
            if connection.get_execution_options().get("immediate", False):
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER})")

    @property
    def title(self) -> str:
        return f"PostgreSQL, {self._where}"

    @property
    def _where(self) -> str:
        """Without the password, also where one was written among the options."""
        url = self._url
        port = f":{url.port}" if url.port else ""
        user = f"{url.username}@" if url.username else ""
        return f"{user}{url.host or 'this machine'}{port}/{url.database or ''}"

    def revision(self) -> str | None:
        """The schema's revision; None for a database without tables."""
        with self.reading.begin() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return None if found is None else str(found)

    def preparing(self) -> nullcontext[None]:
        """Nothing: the writers' lock, which the migration holds, keeps others out."""
        return nullcontext()

    def in_use(self, error: BaseException) -> LabError | None:
        """What is said of an error in the midst of work; None for one that is no matter of the database's state."""
        if not isinstance(error, DBAPIError):
            return None
        state = getattr(error.orig, "sqlstate", None) or ""
        if state == _LOCKED:
            return IndexUnavailable(
                f"The index is busy: another process has been writing for {_LOCK_SECONDS} seconds. Nothing is lost; "
                "try again in a moment."
            )
        lost = isinstance(error, OperationalError) and (not state or state.startswith("08") or state in _LOST)
        if error.connection_invalidated or lost:
            return IndexUnavailable(
                f"The database {self._where} cannot be reached ({self._reason(error)}). Nothing is lost: experiments "
                "go on; try again once it answers."
            )
        return None

    def on_opening(self, error: BaseException) -> LabError:
        """What is said of an error in connecting or in making the tables."""
        state = str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")
        reason = self._reason(error)
        # A refused connection has no class of its own in the driver; the server's words tell.
        refused = state.startswith("28") or state == "3D000" or "authentication" in reason or "does not exist" in reason
        if refused or isinstance(error, ProgrammingError):
            return DatabaseRefused(
                f"The database {self._where} refuses ({reason}); allowed: one that exists, whose user may create "
                f"tables. Correct {SETTING}."
            )
        return self.in_use(error) or DamagedIndex(
            f"The index in {self._where} cannot be used ({reason}). Nothing is lost: "
            "`python -m distill_core reindex` rebuilds it from the experiments' folders."
        )

    @contextmanager
    def only_dispatcher(self) -> Iterator[Callable[[], bool]]:
        """Tells, whenever asked, whether this is the only dispatcher of the database.

        It is so until the context ends or the connection is lost, with which the lock goes.
        """
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            got = bool(connection.scalar(text(f"SELECT pg_try_advisory_lock({_DISPATCHER})")))
            try:
                yield lambda: got and self._answers(connection)
            finally:
                # Not back into the pool: what the connection holds must end with it, whatever state it is in.
                connection.invalidate()

    def _answers(self, connection: Connection) -> bool:
        try:
            return bool(connection.scalar(text("SELECT true")))
        except (DBAPIError, PendingRollbackError):
            return False

    def set_aside(self, *, suffix: str) -> str:
        """Move what cannot be used into a schema of its own, keeping it for inspection; returns the schema's name."""
        schema = f"damaged_{suffix}"
        with self.writing.begin() as connection:
            tables = inspect(connection).get_table_names()
            connection.exec_driver_sql(f'CREATE SCHEMA "{schema}"')
            for table in tables:
                if table in _own_tables():
                    connection.exec_driver_sql(f'ALTER TABLE "{table}" SET SCHEMA "{schema}"')
        return schema

    def _reason(self, error: BaseException) -> str:
        cause = (error.orig or error) if isinstance(error, DBAPIError) else error
        words = " ".join(str(cause).split())
        secret = [self._url.password, self._url.query.get("password")]
        for password in secret:
            if password:
                words = words.replace(str(password), "***")
        return words[:300].rstrip(".")


def _own_tables() -> set[str]:
    from distill_core.store.schema import metadata

    return {*metadata.tables, "alembic_version"}


def _checked(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        # Not shown: what cannot be read may hold a password anywhere.
        raise DatabaseRefused(f"{SETTING} cannot be read; allowed: {_ALLOWED}. Correct it, or unset it.") from None
    if url.drivername not in ("postgresql", "postgres", _DRIVER):
        raise DatabaseRefused(
            f"{SETTING} names {url.drivername[:40]!r}; allowed: {_ALLOWED}. Correct it, or unset it for SQLite."
        )
    if not url.database:
        raise DatabaseRefused(f"{SETTING} names no database; allowed: {_ALLOWED}. Add the database's name.")
    return url.set(drivername=_DRIVER)
