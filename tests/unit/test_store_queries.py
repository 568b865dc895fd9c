"""What pages ask of the store: lists, searches, pages and reuse, without a query a row."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from distill_core.errors import NotFound
from distill_core.events import EpochEnded
from distill_core.folders import Home, write_json
from distill_core.store.store import Store
from tests.store_samples import declared, epoch, finished, small_spec, whole_story, write_events


@pytest.fixture
def store(new_index: Callable[[], None], tmp_path: Path) -> Store:
    return Store(Home(tmp_path))


@contextmanager
def statements() -> Iterator[list[str]]:
    """The SELECTs sent meanwhile."""
    sent: list[str] = []

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT"):
            sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_a_thousand_experiments_take_two_queries(tmp_path: Path) -> None:
    store = Store(Home(tmp_path))
    specs = [small_spec(name) for name in ("first <b>kind</b>", "100% second", "third")]
    for number in range(1000):
        store.create(specs[number % 3], experiment_id=f"e{number:04d}", created_at=float(number))
    write_events(store.home, "e0999", *whole_story())
    store.ingest("e0999")
    with statements() as sent:
        rows = store.experiments(limit=200)
    assert len(sent) == 2
    assert [row.experiment_id for row in rows] == [f"e{number:04d}" for number in range(999, 799, -1)]
    assert rows[0].runs_total == 5 and rows[1].runs_total == 0
    assert [row.experiment_id for row in store.experiments(limit=2, offset=998)] == ["e0001", "e0000"]
    assert store.counts(search="second") == {"queued": 333}
    assert store.counts(search="100%") == {"queued": 333}, "a percent sign is no wildcard"
    assert len(store.experiments(search="e0999")) == 1
    assert not store.experiments(search="second third")
    assert len(store.experiments(search="DISTILLED digits small-cnn", limit=2000)) == 1000


def test_names_of_every_script_are_found(store: Store) -> None:
    students = small_spec().to_json()["students"]
    students[1]["name"] = "élève 学生"
    store.create(small_spec("Ziffern für alle", students=students), experiment_id="one", created_at=1.0)
    for words in ("für", "élève", "学生"):
        assert len(store.experiments(search=words)) == 1


def test_one_view_takes_a_fixed_number_of_queries(store: Store) -> None:
    store.create(small_spec(), experiment_id="one", created_at=1.0)
    write_events(store.home, "one", *whole_story())
    store.ingest("one")
    with statements() as sent:
        view = store.experiment("one")
    assert len(view.runs) == 5 and len(sent) <= 7


def test_states_filter_the_list(store: Store) -> None:
    for name in ("a", "b", "c"):
        store.create(small_spec(), experiment_id=name, created_at=1.0)
    store.transition("b", expected={"queued"}, to="cancelled", at=2.0)
    assert [row.experiment_id for row in store.experiments(states=("cancelled",))] == ["b"]
    assert store.counts() == {"queued": 2, "cancelled": 1}


def test_the_queue_is_first_come_first_served(store: Store) -> None:
    for number, name in enumerate("abc"):
        store.create(small_spec(), experiment_id=name, created_at=float(number))
    store.transition("a", expected={"queued"}, to="cancelled", at=5.0)
    store.transition("a", expected={"cancelled"}, to="queued", at=6.0)
    assert [row.experiment_id for row in store.in_states({"queued"})] == ["b", "c", "a"]


def test_deleting_hides_and_undeleting_shows(store: Store) -> None:
    store.create(small_spec(), experiment_id="one", created_at=1.0)
    write_events(store.home, "one", declared("r"), finished("r"))
    store.ingest("one")
    store.set_deleted("one", True, at=2.0)
    assert store.experiments() == [] and store.counts() == {}
    assert [row.deleted for row in store.experiments(include_deleted=True)] == [True]
    assert store.experiment("one").row.deleted
    store.set_deleted("one", False, at=3.0)
    assert [row.deleted for row in store.experiments()] == [False]


def test_only_trained_runs_whose_files_are_there_are_reused(store: Store) -> None:
    store.create(small_spec(), experiment_id="old", created_at=1.0)
    write_events(
        store.home, "old", *(declared(run) for run in ("done", "gone", "stopped", "reused", "waiting")),
        finished("done"), finished("gone"), finished("stopped", state="stopped"), finished("reused", state="reused"),
    )
    store.ingest("old")
    for run in ("done", "stopped", "reused"):
        write_json(store.home.experiment("old").run(run).result, {})
    assert store.reusable_runs() == {"done": store.home.experiment("old").run("done").path}
    assert store.reusable_runs(without="old") == {}


def test_runs_are_found_by_experiment_and_id(store: Store) -> None:
    for name in ("x", "y"):
        store.create(small_spec(), experiment_id=name, created_at=1.0)
        write_events(store.home, name, declared(f"{name}1"), declared(f"{name}2"), finished(f"{name}1"))
        store.ingest(name)
    assert [run.run_id for run in store.runs(experiment_ids=["y"])] == ["y1", "y2"]
    assert store.runs_starting("y") == [("y", "y1"), ("y", "y2")]
    assert store.ids_starting("x") == ["x"] and store.ids_starting("%") == []


def test_live_points_hold_what_a_curve_draws(store: Store) -> None:
    store.create(small_spec(), experiment_id="one", created_at=1.0)
    write_events(store.home, "one", declared("r"), epoch("r", 1, best=True))
    store.ingest("one")
    points, cursor = store.live_points("one")
    assert points == [("r", 1, 0.5, 0.9, 0.3, {"kd": 0.25}, True, {"kd": 1.0})]
    assert store.live_points("one", since=cursor) == ([], cursor)


def test_a_budget_is_told_from_gradients_and_only_else_from_losses(store: Store) -> None:
    def point(run: str, number: int, terms: dict[str, float], norms: dict[str, float]) -> EpochEnded:
        return epoch(run, number).model_copy(update={"weighted_terms": terms, "gradient_norms": norms})

    store.create(small_spec(), experiment_id="one", created_at=1.0)
    two, norms = {"kd": 1.0, "hint": 2.0}, {"kd": 3.0, "hint": 4.0}
    write_events(
        store.home, "one", *(declared(run) for run in ("new", "old", "single")),
        point("new", 1, two, norms), point("new", 2, two, {}), point("old", 1, two, {}), point("old", 2, two, {}),
        point("single", 1, {"kd": 1.0}, {}),
    )
    store.ingest("one")
    assert store.budget_points("one") == [("new", 1, two, norms), ("old", 1, two, {}), ("old", 2, two, {})]
    assert store.budget_points("one", most=1)[1:] == [("old", 2, two, {})], "the newest"
    assert store.budget_points("another") == []


def test_what_is_not_there_is_not_found(store: Store) -> None:
    for ask in (store.experiment, store.state, store.ingest):
        with pytest.raises(NotFound, match="'nobody'"):
            ask("nobody")


def test_the_best_epoch_is_found_however_many_came_since(tmp_path: Path) -> None:
    store = Store(Home(tmp_path))
    store.create(small_spec(), experiment_id="one", created_at=1.0)
    with statements() as sent:
        store.runs(experiment_ids=["one"])
    (query,) = [statement for statement in sent if "epochs" in statement]
    with closing(sqlite3.connect(store.home.database)) as index:
        plan = index.execute(f"EXPLAIN QUERY PLAN {query}", [None] * query.count("?")).fetchall()
    assert any("INDEX best_epochs" in step[-1] for step in plan), plan
