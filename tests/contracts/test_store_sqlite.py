"""The SQLite file: what is acknowledged is on the disk, and a busy one makes nobody fail too soon or wait for ever."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from distill_core.folders import Home
from distill_core.store import sqlite_index
from distill_core.store.database import Database, IndexUnavailable, database_title
from distill_core.store.store import Store
from tests.store_samples import small_spec


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("DISTILL_DATABASE_URL", raising=False)
    return Home(tmp_path)


@contextmanager
def locked(home: Home) -> Iterator[None]:
    """Another process holds the write lock."""
    with closing(sqlite3.connect(home.database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_every_connection_syncs_fully_and_waits_twenty_seconds(home: Home) -> None:
    index = Database(home)
    for ask in (index.read, index.write):
        with ask() as connection:
            found = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "busy_timeout")
            }
        assert found == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 20_000}


def test_a_writer_holds_the_lock_from_its_first_statement(home: Home) -> None:
    """Else what it read could be changed before it writes."""
    index = Database(home)
    other = sqlite3.connect(home.database, timeout=0)
    with closing(other), index.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")


def test_pages_read_on_while_another_process_writes_for_long(home: Home) -> None:
    store = Store(home)
    store.create(small_spec(), experiment_id="one", created_at=1.0)
    with locked(home):
        began = time.monotonic()
        assert len(Store(home).experiments()) == 1, "a fresh server opens the index all the same"
        assert store.state("one") == "queued"
        assert time.monotonic() - began < 15


def test_who_wants_to_write_waits_for_the_lock(home: Home) -> None:
    store, holding, go_on = Store(home), threading.Event(), threading.Event()
    store.create(small_spec(), experiment_id="one", created_at=1.0)

    def hold() -> None:
        with locked(home):
            holding.set()
            assert go_on.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    assert holding.wait(20)
    threading.Timer(0.5, go_on.set).start()
    store.transition("one", expected={"queued"}, to="cancelled", at=2.0)
    assert go_on.is_set() and store.state("one") == "cancelled"
    holder.join()


def test_a_lock_that_stays_is_told_in_a_sentence_and_nothing_is_half_done(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_index, "BUSY_MS", 100)
    store = Store(home)
    store.create(small_spec(), experiment_id="one", created_at=1.0)
    journal = home.experiment("one").journal.read_bytes()
    with locked(home), pytest.raises(IndexUnavailable, match="try again in a moment"):
        store.transition("one", expected={"queued"}, to="cancelled", at=2.0)
    assert home.experiment("one").journal.read_bytes() == journal and store.state("one") == "queued"
    store.transition("one", expected={"queued"}, to="cancelled", at=2.0)


def test_the_index_is_named(home: Home) -> None:
    assert database_title(home) == f"SQLite, {home.database}"
