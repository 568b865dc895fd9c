"""A PostgreSQL index that is away, busy, refused or shared: one sentence, no password, and the next call works."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from distill_core.errors import LabError
from distill_core.folders import Home
from distill_core.store.database import DatabaseRefused, IndexUnavailable, database_title
from distill_core.store.store import Store
from tests.postgres_server import PASSWORD, USER, PostgresServer
from tests.store_samples import small_spec


@pytest.fixture
def address(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> str:
    address = postgres.database()
    monkeypatch.setenv("DISTILL_DATABASE_URL", address)
    return address


def test_the_next_call_after_a_lost_connection_works_again(
    address: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    store = Store(Home(tmp_path))
    store.create(small_spec(), experiment_id="one", created_at=1.0)
    postgres.stop()
    try:
        for _ in range(2):
            with pytest.raises(IndexUnavailable, match="cannot be reached") as caught:
                store.experiments()
            assert PASSWORD not in str(caught.value) and "\n" not in str(caught.value)
        with pytest.raises(IndexUnavailable):
            Store(Home(tmp_path))
    finally:
        postgres.start()
    assert [row.experiment_id for row in store.experiments()] == ["one"]
    store.create(small_spec(), experiment_id="two", created_at=2.0)


def test_a_connection_ended_by_the_server_is_no_error_to_the_next_call(
    address: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    store = Store(Home(tmp_path))
    store.experiments()
    with postgres.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'distill-lab'"
        )
    assert store.experiments() == []


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("mysql://someone:hush-hush@host/lab", "names 'mysql'"), ("not an address hush-hush", "cannot be read"),
        ("postgresql://someone:hush-hush@host", "names no database"),
        ("postgresql://someone:hush-hush@127.0.0.1:1/lab", "cannot be reached"),
        ("postgresql://someone@127.0.0.1:1/lab?password=hush-hush", "cannot be reached"),
        ("postgresql://someone:hush-hush@127.0.0.1:1/lab?colour=hush-hush", "DISTILL_DATABASE_URL|cannot be"),
    ],
)
def test_an_address_that_does_not_work_is_told_without_its_password(
    address: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILL_DATABASE_URL", address)
    with pytest.raises(LabError, match=said) as caught:
        Store(Home(tmp_path))
    assert "hush-hush" not in str(caught.value)
    assert isinstance(caught.value, (DatabaseRefused, IndexUnavailable))


def test_a_wrong_password_or_database_is_told(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in (postgres.url(password="wrong-word"), postgres.url("nowhere")):
        monkeypatch.setenv("DISTILL_DATABASE_URL", address)
        with pytest.raises(DatabaseRefused, match="Correct DISTILL_DATABASE_URL") as caught:
            Store(Home(tmp_path))
        assert "wrong-word" not in str(caught.value) and PASSWORD not in str(caught.value)


def test_the_index_is_named_without_its_password(address: str, tmp_path: Path) -> None:
    title = database_title(Home(tmp_path))
    assert title.startswith("PostgreSQL, ") and USER in title and PASSWORD not in title and "secret" not in title


def test_only_one_dispatcher_works_on_a_database(address: str, tmp_path: Path) -> None:
    """Homes on two machines that share it: the lock of a file would not tell them."""
    one, other = Store(Home(tmp_path / "one")), Store(Home(tmp_path / "other"))
    with one.only_dispatcher() as first:
        assert first()
        with other.only_dispatcher() as second:
            assert not second()
    with other.only_dispatcher() as second:
        assert second(), "let go with the context"


def test_a_dispatcher_whose_connection_died_has_let_go(
    address: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    one, other = Store(Home(tmp_path / "one")), Store(Home(tmp_path / "other"))
    with one.only_dispatcher() as first:
        assert first()
        with postgres.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            )
        with other.only_dispatcher() as second:
            assert second() and not first()


def test_cursors_are_seen_in_the_order_they_count(address: str, tmp_path: Path) -> None:
    """Two writers at once: whoever reads up to a cursor must not miss a lower one that is committed later."""
    store = Store(Home(tmp_path))
    order: list[str] = []
    holding, go_on = threading.Event(), threading.Event()

    def first() -> None:
        with store._database.write():
            holding.set()
            assert go_on.wait(20)
            order.append("first")

    def second() -> None:
        with store._database.write():
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert holding.wait(20)
    threads[1].start()
    threads[1].join(0.2)
    assert order == [], "the second waits for the first"
    assert store.experiments() == [], "but readers do not"
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert order == ["first", "second"]


def test_large_numbers_nan_and_nul_survive(address: str, tmp_path: Path) -> None:
    store = Store(Home(tmp_path))
    store.create(small_spec("a name"), experiment_id="one", created_at=1e9 + 0.123456789)
    store.transition(
        "one", expected={"queued"}, to="cancelled", at=1e9 + 0.987654321, reason="broken \0 word"
    )
    row = store.experiment("one").row
    assert (row.created_at, row.finished_at) == (1e9 + 0.123456789, 1e9 + 0.987654321), "53 bits, not 24"
    assert row.reason == "broken \N{REPLACEMENT CHARACTER} word"
    assert store.experiments(search="a\0name") == store.experiments(), "a search is no crash either"
