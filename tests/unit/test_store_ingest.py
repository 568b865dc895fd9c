"""Events become rows once each, whatever a killed worker left behind."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from distill_core.events import Noted, Resources, RunChanged, StepChanged
from distill_core.folders import Home
from distill_core.store.store import Store
from tests.store_samples import (
    declared,
    epoch,
    finished,
    small_spec,
    whole_story,
    worker_started,
    write_events,
)

NAME = "one"


@pytest.fixture
def store(new_index: Callable[[], None], tmp_path: Path) -> Store:
    store = Store(Home(tmp_path))
    store.create(small_spec(), experiment_id=NAME, created_at=1.0)
    return store


def epochs_of(store: Store) -> list[int]:
    return [epoch for _, epoch, *_ in store.live_points(NAME)[0]]


def test_a_whole_story_is_told_once(store: Store) -> None:
    story = whole_story()
    write_events(store.home, NAME, *story)
    assert store.ingest(NAME) == len(story)
    view, points = store.experiment(NAME), store.live_points(NAME)
    assert store.ingest(NAME) == 0
    assert (store.experiment(NAME), store.live_points(NAME)) == (view, points)
    assert [run.run_id for run in view.runs] == ["t", "a0", "d0", "a1", "d1"]
    teacher = view.teacher
    assert teacher is not None and teacher.accuracy == 0.99 and teacher.confusion == ((9, 1), (2, 8))
    assert teacher.onnx_path == "runs/t/model.onnx" and teacher.latency[0].p95 == 0.2
    assert view.worker is not None and view.worker.threads == 2
    assert (view.row.runs_total, view.row.runs_done, view.row.device) == (5, 5, "cpu")
    assert len(points[0]) == 15


def test_events_in_two_halves_equal_events_at_once(store: Store) -> None:
    story = whole_story()
    for event in story:
        write_events(store.home, NAME, event)
        assert store.ingest(NAME) == 1
    bit_by_bit = store.experiment(NAME)
    store.reindex()
    assert store.experiment(NAME) == bit_by_bit


def test_more_events_than_one_transaction_takes(store: Store) -> None:
    write_events(store.home, NAME, declared("r"), *(epoch("r", number) for number in range(1, 4501)))
    assert store.ingest(NAME) == 4501
    assert epochs_of(store) == list(range(1, 4501))


def test_a_half_written_last_line_waits_for_its_end(store: Store) -> None:
    write_events(store.home, NAME, declared("r"), epoch("r", 1))
    path = store.home.experiment(NAME).events
    line = epoch("r", 2).model_dump_json().encode() + b"\n"
    with path.open("ab") as file:
        file.write(line[:30])
    assert store.ingest(NAME) == 2
    assert store.ingest(NAME) == 0
    with path.open("ab") as file:
        file.write(line[30:])
    assert store.ingest(NAME) == 1
    assert epochs_of(store) == [1, 2]


def test_a_damaged_line_is_skipped_and_noted(store: Store) -> None:
    write_events(store.home, NAME, declared("r"), epoch("r", 1))
    with store.home.experiment(NAME).events.open("ab") as file:
        file.write(b'{"kind": "from a newer version", "at": 1}\n\xff\xfe\x00\n')
    write_events(store.home, NAME, epoch("r", 2))
    assert store.ingest(NAME) == 5
    assert epochs_of(store) == [1, 2]
    notes = store.experiment(NAME).notes
    assert len(notes) == 2 and all(note.level == "error" and "skipped" in note.text for note in notes)


def test_nan_and_infinity_survive(store: Store) -> None:
    diverged = finished("r", accuracy=math.nan, state="diverged").model_copy(update={"nll": math.inf, "ece": -math.inf})
    write_events(store.home, NAME, declared("r"), epoch("r", 1, loss=math.nan), epoch("r", 2, loss=math.inf), diverged)
    store.ingest(NAME)
    (first, second), _ = store.live_points(NAME)
    _, _, loss, _, nll, terms, _, norms = first
    assert math.isnan(loss) and math.isnan(terms["kd"]) and math.isnan(norms["kd"]) and nll == 0.3
    assert second[2] == math.inf
    run = store.experiment(NAME).runs[0]
    assert run.accuracy is not None and math.isnan(run.accuracy)
    assert (run.nll, run.ece, run.state) == (math.inf, -math.inf, "diverged")
    assert math.isnan(run.per_class[0]) and run.per_class[1] == 0.5


def test_a_repeated_epoch_replaces_the_point_under_a_new_cursor(store: Store) -> None:
    write_events(store.home, NAME, declared("r"), epoch("r", 1), epoch("r", 2, loss=0.4), epoch("r", 3))
    store.ingest(NAME)
    _, cursor = store.live_points(NAME)
    write_events(store.home, NAME, epoch("r", 2, loss=0.1))
    store.ingest(NAME)
    news, newest = store.live_points(NAME, since=cursor)
    assert [point[1:3] for point in news] == [(2, 0.1)] and newest > cursor
    assert sorted(point[1:3] for point in store.live_points(NAME)[0]) == [(1, 0.5), (2, 0.1), (3, 0.5)]


def test_points_come_in_pieces_and_a_cursor_of_another_database_starts_over(store: Store) -> None:
    write_events(store.home, NAME, declared("r"), *(epoch("r", number) for number in range(1, 8)))
    store.ingest(NAME)
    seen, cursor = [], 0
    while True:
        points, cursor = store.live_points(NAME, since=cursor, limit=3)
        if not points:
            break
        seen += [epoch for _, epoch, *_ in points]
    assert seen == list(range(1, 8))
    assert len(store.live_points(NAME, since=10**9)[0]) == 7


def test_a_resumed_worker_changes_nothing_that_was_reached(store: Store) -> None:
    write_events(store.home, NAME, *whole_story())
    store.ingest(NAME)
    before = store.experiment(NAME)
    step = {"step": "teacher", "title": "Teacher"}
    write_events(
        store.home, NAME, worker_started(at=50.0, pid=8), declared("t", role="teacher", name="teacher", seed=50),
        StepChanged(at=51, state="waiting", **step), StepChanged(at=52, state="finished", **step),
    )
    store.ingest(NAME)
    after = store.experiment(NAME)
    assert after.runs == before.runs
    assert after.steps == before.steps and after.steps[0].started_at == 13 and after.steps[0].finished_at == 21
    assert after.worker is not None and after.worker.pid == 8


def test_a_step_that_begins_again_is_timed_anew(store: Store) -> None:
    step = {"step": "cohort:0", "title": "Students"}
    write_events(
        store.home, NAME, StepChanged(at=10, state="running", done=1, total=9, **step),
        StepChanged(at=12, state="waiting", done=4, total=9, **step),
        StepChanged(at=30, state="waiting", **step), StepChanged(at=31, state="running", **step),
        StepChanged(at=33, state="running", done=5, total=9, **step), StepChanged(at=40, state="finished", **step),
    )
    store.ingest(NAME)
    (row,) = store.experiment(NAME).steps
    assert (row.state, row.done, row.total, row.started_at, row.finished_at) == ("finished", 5, 9, 31, 40)


def test_latest_memory_and_reuse_are_shown(store: Store) -> None:
    write_events(
        store.home, NAME, worker_started(), declared("r"),
        Resources(at=1, memory_bytes=5), Resources(at=2, memory_bytes=9),
        RunChanged(at=3, run_id="r", state="reused", reused_from="older"), Noted(at=4, text="hello", level="warning"),
    )
    store.ingest(NAME)
    view = store.experiment(NAME)
    assert view.worker is not None and view.worker.memory_bytes == 9
    assert (view.runs[0].state, view.runs[0].reused_from, view.row.runs_reused) == ("reused", "older", 1)
    assert [(note.level, note.text) for note in view.notes] == [("warning", "hello")]


def test_an_events_file_that_was_replaced_is_read_anew(store: Store) -> None:
    write_events(store.home, NAME, *whole_story())
    store.ingest(NAME)
    store.transition(NAME, expected={"queued"}, to="starting", at=2.0)
    store.home.experiment(NAME).events.unlink()
    assert store.ingest(NAME) == 0 and len(store.experiment(NAME).runs) == 5
    write_events(store.home, NAME, declared("other"))
    assert store.ingest(NAME) == 1
    view = store.experiment(NAME)
    assert [run.run_id for run in view.runs] == ["other"] and view.row.state == "starting"


def test_an_estimate_told_later_reaches_a_step_that_is_known(store: Store) -> None:
    for expected in (None, 12.5, None):
        write_events(
            store.home, NAME,
            StepChanged(at=2.0, step="teacher", title="Teacher", state="waiting", expected_seconds=expected),
        )
        store.ingest(NAME)
    assert store.experiment(NAME).steps[0].expected_seconds == 12.5
