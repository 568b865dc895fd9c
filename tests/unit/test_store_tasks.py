"""Tagging and regression in the index: their figures, their points, and databases from before there were tasks."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from distill_core.events import DataLoaded, EpochEnded, RunFinished, parse_event
from distill_core.folders import Home
from distill_core.store import migrations
from distill_core.store.store import Store
from tests.store_samples import declared, epoch, finished, small_spec, whole_story, write_events

NAN = math.nan


@pytest.fixture
def store(new_index: Callable[[], None], tmp_path: Path) -> Store:
    store = Store(Home(tmp_path))
    store.create(small_spec(), experiment_id="one", created_at=1.0)
    return store


def data(**changes: object) -> DataLoaded:
    fields = {"at": 10.5, "class_names": ("grip", "wear"), "shape": (8,), "train": 400, "validation": 40, "test": 100}
    return DataLoaded.model_validate(fields | changes)


def point(run: str, number: int, *, r2: float, mse: float) -> EpochEnded:
    blank = {"validation_accuracy": NAN, "validation_nll": NAN}
    return epoch(run, number).model_copy(update=blank | {"validation_r2": r2, "validation_mse": mse})


def result(run: str, *, r2: float, mse: float) -> RunFinished:
    blank = {"accuracy": NAN, "nll": NAN, "ece": NAN, "agreement": None, "teacher_kl": None}
    nothing: dict[str, object] = {"per_class": (), "confusion": ()}
    return finished(run).model_copy(update=blank | nothing | {"r2": r2, "mse": mse, "teacher_mse": 0.25})


def test_a_regression_keeps_its_figures(store: Store) -> None:
    write_events(
        store.home, "one", data(task="regression", input_kind="table"), declared("r"), point("r", 1, r2=-3.5, mse=4.5),
        result("r", r2=-0.25, mse=1.25),
    )
    store.ingest("one")
    view = store.experiment("one")
    assert (view.task, view.input_kind, view.class_names) == ("regression", "table", ("grip", "wear"))
    (run,) = view.runs
    assert (run.task, run.r2, run.mse, run.teacher_mse, run.score) == ("regression", -0.25, 1.25, 0.25, -0.25)
    assert run.accuracy is not None and math.isnan(run.accuracy) and run.agreement is None
    assert [(row.task, row.mse) for row in store.runs(experiment_ids=["one"])] == [("regression", 1.25)]


def test_points_of_a_regression_stand_where_accuracy_and_nll_do(store: Store) -> None:
    write_events(
        store.home, "one", declared("r"), point("r", 1, r2=-3.5, mse=4.5), point("r", 2, r2=NAN, mse=math.inf),
        epoch("r", 3),
    )
    store.ingest("one")
    first, diverged, classified = (row[3:5] for row in store.live_points("one")[0])
    assert first == (-3.5, 4.5)
    assert math.isnan(diverged[0]) and diverged[1] == math.inf
    assert classified == (0.9, 0.3), "a classification's points stay as they were"


def test_an_experiment_whose_data_are_not_read_yet_classifies_images(store: Store) -> None:
    write_events(store.home, "one", declared("r"))
    store.ingest("one")
    view = store.experiment("one")
    assert (view.task, view.input_kind, view.runs[0].task) == ("classification", "image", "classification")


def test_a_reindex_finds_the_task_again(store: Store) -> None:
    write_events(store.home, "one", data(task="tagging", input_kind="sequence"), declared("r"), finished("r"))
    store.ingest("one")
    before = store.experiment("one")
    assert store.reindex() == (1, [])
    assert store.experiment("one") == before and before.runs[0].task == "tagging"


def test_several_teachers_are_all_there_and_the_first_is_the_first(store: Store) -> None:
    teachers = [declared(f"t{n}", role="teacher", name="teacher" if n == 0 else f"teacher {n + 1}") for n in range(3)]
    write_events(store.home, "one", *teachers, declared("r"))
    store.ingest("one")
    view = store.experiment("one")
    assert [run.label for run in view.teachers] == ["teacher", "teacher 2", "teacher 3"]
    assert view.teacher is not None and view.teacher.run_id == "t0"


def test_events_from_before_there_were_tasks_can_still_be_read() -> None:
    old = {
        "kind": "data", "at": 1.0, "class_names": ["a"], "shape": [1, 8, 8], "train": 1, "validation": 1, "test": 1,
        "notes": [],
    }
    event = parse_event(json.dumps(old))
    assert isinstance(event, DataLoaded) and (event.task, event.input_kind) == ("classification", "image")
    for told, new in ((finished("r"), ("r2", "mse", "teacher_mse")), (epoch("r", 1), ("validation_r2",))):
        plain = {key: value for key, value in json.loads(told.model_dump_json()).items() if key not in new}
        assert parse_event(json.dumps(plain)) == told


def database_of_the_first_revision(home: Home) -> None:
    """An index as the first release left it: one experiment with a finished run and a point."""
    home.path.mkdir(parents=True, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    rows = {
        "experiments": {
            "experiment_id": "old", "created_at": 1.0, "deleted": False, "spec": json.dumps(small_spec().to_json()),
            "name": "old one", "dataset": "digits", "teacher": "small-cnn", "students": '["alone"]', "seeds": 2,
            "wanted_device": "cpu", "state": "succeeded", "reason": "", "attempt": 0, "busy_seconds": 3.0,
            "class_names": '["zero","one"]', "journal_offset": 7, "events_offset": 0,
        },
        "runs": {
            "experiment_id": "old", "run_id": "r", "role": "student", "name": "distilled", "seed": 0,
            "state": "finished", "architecture": "tiny-cnn", "parameters": 10, "macs": 20, "size_bytes": 40,
            "epochs": 3, "samples_seen": "", "teacher_terms": "[]", "reused_from": "", "stop_rule": "", "accuracy": 0.9,
            "nll": "nan", "per_class": "[0.9,0.8]", "confusion": "[]", "latency": "[]", "latency_shared_from": "",
        },
        "epochs": {
            "experiment_id": "old", "run_id": "r", "epoch": 1, "step": 6, "learning_rate": 0.1, "train_loss": 0.5,
            "validation_accuracy": 0.8, "validation_nll": 0.4, "raw_terms": "{}", "weighted_terms": "{}", "best": True,
        },
    }
    engine = create_engine(f"sqlite:///{home.database}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for table, row in rows.items():
            columns, values = ", ".join(row), ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({values})"), row)
    engine.dispose()


def test_an_index_of_the_first_revision_keeps_every_row(tmp_path: Path) -> None:
    home = Home(tmp_path)
    database_of_the_first_revision(home)
    store = Store(home)
    view = store.experiment("old")
    assert (view.row.name, view.row.busy_seconds, view.class_names) == ("old one", 3.0, ("zero", "one"))
    assert (view.task, view.input_kind) == ("classification", "image")
    (run,) = view.runs
    assert (run.accuracy, run.per_class, run.r2, run.mse, run.task) == (0.9, (0.9, 0.8), None, None, "classification")
    assert run.nll is not None and math.isnan(run.nll)
    assert store.live_points("old") == ([("r", 1, 0.5, 0.8, 0.4, {}, True, {})], 1)


def test_an_index_of_the_first_revision_takes_new_experiments(tmp_path: Path) -> None:
    home = Home(tmp_path)
    database_of_the_first_revision(home)
    store = Store(home)
    store.create(small_spec(), experiment_id="new", created_at=2.0)
    story = whole_story()
    write_events(home, "new", data(task="regression", input_kind="table"), *story, result("d0", r2=0.5, mse=0.5))
    assert store.ingest("new") == len(story) + 2
    assert {run.run_id: run.r2 for run in store.experiment("new").runs}["d0"] == 0.5
    assert [row.experiment_id for row in store.experiments()] == ["new", "old"]
    assert store.live_points("new")[1] > 1, "cursors go on from where they were"
