"""Deleted experiments: kept for their days, purged whole, and never while somebody takes their runs over."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from distill_core.errors import Conflict, LabError, NotFound
from distill_core.folders import Home, write_json
from distill_core.store.store import Store
from distill_core.store.transitions import ENDED
from distill_core.store.trash import SECONDS_OF_A_DAY, trash_days
from tests.store_samples import declared, small_spec, whole_story, write_events

DAY = SECONDS_OF_A_DAY


@pytest.fixture
def store(new_index: Callable[[], None], tmp_path: Path) -> Store:
    store = Store(Home(tmp_path))
    for number, name in enumerate(("old", "new", "shown")):
        ended(store, name)
        if name != "shown":
            store.set_deleted(name, True, at=number * 10 * DAY)
    return store


def ended(store: Store, name: str) -> None:
    store.create(small_spec(name), experiment_id=name, created_at=1.0)
    write_events(store.home, name, *whole_story())
    run = store.home.experiment(name).run("t")
    run.path.mkdir(parents=True)
    write_json(run.result, {"state": "finished"})
    store.ingest(name)
    store.transition(name, expected={"queued"}, to="cancelled", at=2.0)


def known(store: Store) -> set[str]:
    return {row.experiment_id for row in store.experiments(include_deleted=True)}


def test_the_trash_lists_what_was_deleted_last_first(store: Store) -> None:
    assert [row.experiment_id for row in store.trash.rows()] == ["new", "old"]


def test_a_purge_takes_folder_and_rows(store: Store) -> None:
    store.trash.purge("old")
    assert known(store) == {"new", "shown"} and not store.home.experiment("old").path.exists()
    assert store.runs(experiment_ids=["old"]) == [] and list(store.home.doomed.iterdir()) == []
    assert store.reindex() == (2, [])
    with pytest.raises(NotFound):
        store.trash.purge("old")


def test_only_what_is_deleted_and_at_rest_is_purged(store: Store) -> None:
    with pytest.raises(Conflict, match="not in the trash"):
        store.trash.purge("shown")
    store.create(small_spec("waits"), experiment_id="waits", created_at=3.0)
    store.set_deleted("waits", True, at=3.0)
    with pytest.raises(Conflict, match="stop it"):
        store.trash.purge("waits")
    assert known(store) == {"old", "new", "shown", "waits"}


def test_nothing_begins_again_in_the_trash(store: Store) -> None:
    with pytest.raises(Conflict, match="in the trash"):
        store.transition("new", expected={"cancelled"}, to="queued", at=3.0)
    assert store.state("new") == "cancelled"
    store.set_deleted("new", False, at=4.0)
    assert store.transition("new", expected={"cancelled"}, to="queued", at=5.0) == "queued"


def test_what_began_again_meanwhile_is_not_deleted(store: Store) -> None:
    store.transition("shown", expected={"cancelled"}, to="queued", at=3.0)
    with pytest.raises(Conflict, match="stop it before deleting"):
        store.set_deleted("shown", True, at=4.0, expected=ENDED)
    assert "shown" not in {row.experiment_id for row in store.trash.rows()}


def test_what_was_deleted_longer_ago_goes_and_the_rest_stays(store: Store) -> None:
    assert store.trash.purge_older(days=30, now=29.9 * DAY) == []
    assert store.trash.purge_older(days=30, now=30.1 * DAY) == ["old"]
    assert store.trash.purge_older(days=30, now=40.1 * DAY) == ["new"]
    assert known(store) == {"shown"}


def test_runs_that_somebody_takes_over_stay_until_that_has_ended(store: Store) -> None:
    store.create(small_spec("taker"), experiment_id="taker", created_at=5.0)
    folder = store.home.experiment("taker")
    write_json(folder.reuse, {"t": str(store.home.experiment("old").run("t").path)})
    store.transition("taker", expected={"queued"}, to="starting", at=6.0, attempt=1)
    with pytest.raises(Conflict, match="taker may be taking over runs of old"):
        store.trash.purge("old")
    assert store.trash.purge_older(days=1, now=99 * DAY) == ["new"], "the other is no concern of the taker"
    # It has declared runs, and among them is none of those.
    write_events(store.home, "taker", declared("other"))
    store.ingest("taker")
    store.trash.purge("old")
    assert known(store) == {"shown", "taker"}


@pytest.mark.parametrize("moment", ["before the rename", "after the rename", "in the removal"])
def test_killed_in_a_purge_the_next_one_ends_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    target = {
        "before the rename": (Path, "rename"), "after the rename": ("distill_core.store.trash", "sync_folder"),
        "in the removal": (shutil, "rmtree"),
    }[moment]
    with monkeypatch.context() as patched, pytest.raises(Killed):
        if isinstance(target[0], str):
            patched.setattr(f"{target[0]}.{target[1]}", die)
        else:
            patched.setattr(target[0], target[1], die)
        store.trash.purge("old")
    whole = store.home.experiment("old")
    assert whole.path.exists() == (moment == "before the rename")
    assert not whole.path.exists() or whole.run("t").result.exists(), "never half of it"
    assert ("old" in known(store)) == (moment != "in the removal")
    if "old" in known(store):
        store.trash.purge("old")
    store.trash.sweep()
    assert known(store) == {"new", "shown"} and list(store.home.doomed.iterdir()) == []
    assert store.reindex() == (2, [])


def test_an_experiment_deleted_before_the_index_knew_when_goes_by_its_folder(store: Store) -> None:
    from sqlalchemy import update

    from distill_core.store.schema import experiments

    with store._database.write() as connection:
        connection.execute(update(experiments).values(deleted_at=None))
    assert store.trash.purge_older(days=30, now=30.1 * DAY) == ["old"]


def test_a_removal_that_fails_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("no")

    monkeypatch.setattr(os, "rmdir", refuse)
    with pytest.raises(PermissionError):
        store.trash.purge("old")


@pytest.mark.parametrize(("told", "days"), [("", 30), ("7", 7), ("never", None)])
def test_the_days_of_the_trash_can_be_set(monkeypatch: pytest.MonkeyPatch, told: str, days: int | None) -> None:
    monkeypatch.setenv("DISTILL_TRASH_DAYS", told)
    assert trash_days() == days


@pytest.mark.parametrize("told", ["0", "-1", "soon", "1.5", "٣"])
def test_wrong_days_are_told(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("DISTILL_TRASH_DAYS", told)
    with pytest.raises(LabError, match="allowed: 1 to 36500 days, or never"):
        trash_days()
