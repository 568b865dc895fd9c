"""Lessons find their experiments by the settings, whatever they are called, and start each once."""

from __future__ import annotations

import pytest

from distill_core.folders import Home
from distill_core.jobs.previewing import Previews
from distill_core.jobs.starting import DispatcherStarter
from distill_core.lessons import find_lesson, load_lessons
from distill_core.services import Lab
from tests.fixtures import build_finished_experiment, build_running_experiment, create_experiment

LESSON = find_lesson("temperature")


@pytest.fixture
def lab(tmp_path, with_catalogue, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setattr(DispatcherStarter, "ensure", lambda self: None)
    monkeypatch.setattr(Previews, "check", lambda self, spec: None)
    return Lab(with_catalogue(Home(tmp_path / "home")))


def test_settings_count_and_names_do_not(lab: Lab) -> None:
    spec = lab.lessons.spec(LESSON)
    assert lab.lessons.standing(spec).is_missing
    build_finished_experiment(
        lab.home, spec=spec.model_copy(update={"data": spec.data.model_copy(update={"split_seed": 9})}),
        experiment_id="samename0001",
    )
    assert lab.lessons.standing(spec).experiment_id == "", "the same name, but other data"
    build_finished_experiment(
        lab.home, spec=spec.model_copy(update={"name": "mine", "shows": "x", "device": "cpu"}),
        experiment_id="samespec0001",
    )
    found = lab.lessons.standing(spec)
    assert (found.experiment_id, found.is_ready) == ("samespec0001", True)


def test_a_finished_one_goes_before_one_on_its_way_before_one_that_ended_otherwise(lab: Lab) -> None:
    spec = lab.lessons.spec(LESSON)
    build_running_experiment(lab.home, spec=spec, experiment_id="a").end("cancelled", "Stopped.")
    stopped = lab.lessons.standing(spec)
    assert (stopped.experiment_id, stopped.is_missing) == ("a", True)
    build_running_experiment(lab.home, spec=spec, experiment_id="b", created_at=1_790_000_100.0)
    assert lab.lessons.standing(spec).experiment_id == "b" and lab.lessons.standing(spec).is_moving
    build_finished_experiment(lab.home, spec=spec, experiment_id="c", created_at=1_789_000_000.0)
    assert lab.lessons.standing(spec).experiment_id == "c", "older, but finished"
    lab.delete("c")
    assert lab.lessons.standing(spec).experiment_id == "b", "what is in the trash does not count"


def test_prepare_queues_what_is_missing_once(lab: Lab) -> None:
    ready = lab.lessons.spec(find_lesson("never-saw-a-3"))
    build_finished_experiment(lab.home, spec=ready)
    begun = lab.lessons.prepare()
    assert len(set(begun)) == len(load_lessons()) - 1
    assert lab.count(states=("queued",)) == len(begun)
    assert lab.lessons.prepare() == []
    assert all(not standing.is_missing for _lesson, standing in lab.lessons.standings())


def test_starting_again_after_a_failure_makes_a_new_one(lab: Lab) -> None:
    spec = lab.lessons.spec(LESSON)
    first = lab.lessons.start(spec)
    assert lab.lessons.start(spec) == first, "a second press"
    lab.stop(first)
    second = lab.lessons.start(spec)
    assert second != first
    lab.stop(second)
    lab.delete(first)
    lab.delete(second)
    assert lab.lessons.start(spec) not in (first, second)


def test_an_experiment_of_a_newer_version_is_passed_over(lab: Lab) -> None:
    spec = lab.lessons.spec(LESSON)
    worker = create_experiment(lab.home, spec=spec, experiment_id="newer")
    from sqlalchemy import update

    from distill_core.store.schema import experiments

    with worker.store._database.write() as connection:
        connection.execute(update(experiments).values(spec=spec.to_json() | {"version": 99}))
    assert lab.lessons.standing(spec).experiment_id == ""
