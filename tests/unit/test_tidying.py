"""An idle dispatcher empties the trash, and one whose database is away waits instead of ending anybody's work."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from distill_core.audit import Audit
from distill_core.folders import Home
from distill_core.jobs import dispatcher
from distill_core.jobs.tidying import tidy
from distill_core.store.store import Store
from distill_core.store.trash import SECONDS_OF_A_DAY
from tests.postgres_server import PostgresServer
from tests.store_samples import small_spec

DAY = SECONDS_OF_A_DAY


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(Home(tmp_path))
    for name in ("old", "new"):
        store.create(small_spec(), experiment_id=name, created_at=1.0)
        store.transition(name, expected={"queued"}, to="cancelled", at=2.0)
    store.set_deleted("old", True, at=0.0)
    store.set_deleted("new", True, at=20 * DAY)
    return store


def left(store: Store) -> set[str]:
    return {row.experiment_id for row in store.experiments(include_deleted=True)}


def test_the_trash_goes_after_its_days_and_the_log_tells_who(store: Store) -> None:
    assert tidy(store.home, store, clock=lambda: 31 * DAY) == ["old"]
    assert left(store) == {"new"}
    (entry,) = Audit(store.home, clock=lambda: 0.0).newest()
    assert (entry.actor, entry.action, entry.subject) == ("dispatcher", "purge", "old")


def test_the_trash_is_kept_as_long_as_the_setting_says(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DISTILL_TRASH_DAYS", "never")
    assert tidy(store.home, store, clock=lambda: 9999 * DAY) == []
    monkeypatch.setenv("DISTILL_TRASH_DAYS", "soon")
    with caplog.at_level(logging.ERROR, logger="distill_lab.dispatcher"):
        assert tidy(store.home, store, clock=lambda: 9999 * DAY) == []
    assert "allowed: 1 to 36500 days" in caplog.text
    assert left(store) == {"old", "new"}


class NoExecutor:
    """For a dispatcher with nothing to start."""


def test_an_idle_dispatcher_does_it_before_it_leaves(store: Store) -> None:
    dispatcher.run(store.home, NoExecutor(), idle_seconds=0.0)  # type: ignore[arg-type]
    assert left(store) == set()


def test_a_dispatcher_whose_database_is_away_waits_for_it(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DISTILL_DATABASE_URL", postgres.database())
    home, ticking, lost = Home(tmp_path), threading.Event(), threading.Event()
    Store(home).close()
    sleeps = dispatcher.time.sleep

    def sleep(seconds: float) -> None:
        if seconds == dispatcher._SECONDS_WITHOUT_INDEX:
            lost.set()
        elif seconds == dispatcher.TICK_SECONDS:
            ticking.set()
        sleeps(min(seconds, 0.1))

    monkeypatch.setattr(dispatcher.time, "sleep", sleep)
    tick = dispatcher.Dispatcher.tick
    # Never idle before the database is gone: to stop one takes its time.
    monkeypatch.setattr(dispatcher.Dispatcher, "tick", lambda self: tick(self) or not lost.is_set())
    work = threading.Thread(target=lambda: dispatcher.run(home, NoExecutor(), idle_seconds=1.0))  # type: ignore[arg-type]
    with caplog.at_level(logging.INFO, logger="distill_lab.dispatcher"):
        work.start()
        try:
            assert ticking.wait(60)
            postgres.stop()
            assert lost.wait(60)
        finally:
            postgres.start()
        work.join(60)
    assert not work.is_alive() and "leaves, nothing to do" in caplog.text
