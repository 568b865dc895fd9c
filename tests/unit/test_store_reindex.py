"""The folders are the truth: an index rebuilt from them is the one that was lost."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from distill_core.folders import Home, write_json
from distill_core.store.database import DamagedIndex, Database, set_aside
from distill_core.store.schema import metadata
from distill_core.store.store import Store
from tests.store_samples import declared, epoch, small_spec, whole_story, write_events

# Numbers that only order rows, and grow with every rebuild.
ORDER_ONLY = {"cursor", "number"}


def dump(home: Home) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, but for the numbers that only order them."""
    index, result = Database(home), {}
    with index.read() as connection:
        for name, table in metadata.tables.items():
            rows = [
                {key: value for key, value in row.items() if key not in ORDER_ONLY}
                for row in connection.execute(select(table)).mappings()
            ]
            result[name] = sorted(rows, key=repr)
    index.close()
    return result


@pytest.fixture
def store(new_index: Callable[[], None], tmp_path: Path) -> Store:
    """Experiments in many states, among them one deleted and one resumed."""
    store = Store(Home(tmp_path / "home"))
    for number, name in enumerate(("finished", "resumed", "waiting", "deleted", "damaged-line")):
        store.create(small_spec(name), experiment_id=name, created_at=float(number), idempotency_key=f"key-{name}")
    for name in ("finished", "resumed", "deleted"):
        store.transition(name, expected={"queued"}, to="starting", at=10.0, attempt=1)
        write_events(store.home, name, *whole_story())
        store.ingest(name)
        store.transition(name, expected={"starting"}, to="running", at=11.0)
    store.transition("finished", expected={"running"}, to="succeeded", at=30.0)
    store.transition("resumed", expected={"running"}, to="lost", at=30.0, reason="It was lost.")
    store.transition("resumed", expected={"lost"}, to="queued", at=31.0, reason="Again.")
    store.transition("resumed", expected={"queued"}, to="starting", at=32.0, attempt=2)
    write_events(store.home, "resumed", declared("d0"), epoch("d0", 2, loss=0.1), epoch("d0", 4))
    store.transition("deleted", expected={"running"}, to="failed", at=30.0, reason="No.")
    store.set_deleted("deleted", True, at=40.0)
    with store.home.experiment("damaged-line").journal.open("ab") as file:
        file.write(b"not json\n")
    store.transition("damaged-line", expected={"queued"}, to="cancelled", at=50.0)
    for name in ("resumed", "damaged-line"):
        store.ingest(name)
    return store


def test_a_database_made_from_the_folders_equals_the_old_one(
    store: Store, new_index: Callable[[], None], tmp_path: Path
) -> None:
    before = dump(store.home)
    assert len(before["experiments"]) == 5 and len(before["epochs"]) == 46
    fresh = Home(tmp_path / "fresh")
    shutil.copytree(store.home.experiments, fresh.experiments)
    new_index()
    rebuilt = Store(fresh)
    assert rebuilt.reindex() == (5, [])
    assert dump(fresh) == before


def test_reindexing_in_place_changes_nothing_but_cursors(store: Store) -> None:
    before, (_, cursor) = dump(store.home), store.live_points("finished")
    store.reindex()
    store.reindex()
    assert dump(store.home) == before
    # Who polls with an old cursor gets the rebuilt points.
    assert len(store.live_points("finished", since=cursor)[0]) == 15


def test_what_cannot_be_read_is_told_and_the_rest_indexed(store: Store) -> None:
    store.home.experiment("waiting").spec.write_text("{")
    shutil.rmtree(store.home.experiment("finished").path)
    store.home.experiment("deleted").identity.unlink()
    number, problems = store.reindex()
    assert number == 3 and len(problems) == 1 and problems[0].startswith("waiting: ")
    left = {row.experiment_id for row in store.experiments(include_deleted=True)}
    assert left == {"resumed", "deleted", "damaged-line"}
    assert store.experiment("deleted").row.created_at == 3.0, "taken from the journal"


def test_what_is_launched_meanwhile_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest, launched = store.ingest, []

    def launch_once(name: str) -> int:
        if not launched:
            launched.append(store.create(small_spec("meanwhile"), experiment_id="meanwhile", created_at=60.0))
        return ingest(name)

    monkeypatch.setattr(store, "ingest", launch_once)
    assert store.reindex() == (5, [])
    assert store.state("meanwhile") == "queued"


def test_a_launch_under_way_is_waited_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder is there before its spec is: neither unreadable nor to be forgotten."""
    half_made, go_on = threading.Event(), threading.Event()

    def slowly(path: Path, data: Any) -> None:
        half_made.set()
        assert go_on.wait(20)
        write_json(path, data)

    monkeypatch.setattr("distill_core.store.store.write_json", slowly)
    launcher = threading.Thread(
        target=lambda: store.create(small_spec("slow"), experiment_id="aa-slow", created_at=60.0)
    )
    launcher.start()
    assert half_made.wait(20)
    told: list[tuple[int, list[str]]] = []
    other = Store(store.home)
    rebuild = threading.Thread(target=lambda: told.append(other.reindex()))
    rebuild.start()
    # It has listed the folders by now or will; either way it cannot read this one before the launch is whole.
    rebuild.join(0.3)
    go_on.set()
    launcher.join()
    rebuild.join()
    assert told == [(6, [])] and store.state("aa-slow") == "queued"


def test_a_key_used_twice_keeps_its_first_experiment(store: Store) -> None:
    shutil.copytree(store.home.experiment("finished").path, store.home.experiment("finished-copy").path)
    assert store.reindex() == (6, [])
    assert store.create(small_spec(), experiment_id="new", created_at=1.0, idempotency_key="key-finished") == "finished"


def test_a_damaged_database_is_told_and_can_be_replaced(store: Store, request: pytest.FixtureRequest) -> None:
    if "postgresql" in request.node.name:
        pytest.skip("a server guards its own files")
    before = dump(store.home)
    store.close()
    for ending in ("-wal", "-shm"):
        store.home.database.with_name(store.home.database.name + ending).unlink(missing_ok=True)
    store.home.database.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(DamagedIndex, match="reindex"):
        Store(store.home)
    kept = set_aside(store.home, suffix="1")
    assert isinstance(kept, Path) and kept.exists()
    rebuilt = Store(store.home)
    assert rebuilt.reindex() == (5, [])
    assert dump(store.home) == before


def test_a_database_of_a_newer_version_is_told_and_can_be_replaced(store: Store) -> None:
    before = dump(store.home)
    with store._database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(DamagedIndex, match="another version"):
        Store(store.home)
    # What cannot be used is kept for inspection.
    assert set_aside(store.home, suffix="7") is not None
    assert Store(store.home).reindex() == (5, [])
    assert dump(store.home) == before
