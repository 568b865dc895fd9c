"""Asking for an examination and reading it: queue, ends, roles, stale and damaged files; no worker."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from distill_core.access import Actor, NotAllowed
from distill_core.errors import Conflict, NotFound
from distill_core.examined import VERSION, LinePoint, LossLine, Network, Robustness, is_stale
from distill_core.folders import Home, read_json, write_json
from distill_core.jobs.starting import DispatcherStarter
from distill_core.services import Lab
from tests.fixtures import build_finished_experiment, build_running_experiment, preset_spec


@pytest.fixture
def lab(tmp_path: Path, with_catalogue: Callable[[Home], Home], monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setattr(DispatcherStarter, "ensure", lambda self: None)
    return Lab(with_catalogue(Home(tmp_path / "home")), clock=lambda: 1000.0)


@pytest.fixture
def name(lab: Lab) -> str:
    return build_finished_experiment(lab.home, spec=preset_spec(seeds=2))


def line(lab: Lab, name: str, *, seed: int, **changes: object) -> LossLine:
    """A loss line as a worker would have written it, of one student."""
    run = next(run for run in lab.experiment(name).runs if run.role == "student" and run.seed == seed)
    assert run.best_epoch is not None and run.stopped_epoch is not None
    network = Network(
        run_id=run.run_id, role="student", name=run.name, seed=seed, best_epoch=run.best_epoch,
        stopped_epoch=run.stopped_epoch,
    )
    made = LossLine(
        digest="d", seed=seed, networks=(network,), points=(LinePoint(a=0.0, loss=0.5, accuracy=0.9),), seconds=7.0
    ).model_copy(update=changes)
    write_json(lab.home.experiment(name).examination(seed, LossLine.part), made.model_dump(mode="json"))
    return made


def go(lab: Lab, name: str, *states: str, reason: str = "") -> None:
    for state in states:
        before = lab.store.state(name)
        lab.store.transition(
            name, expected={before}, to=state, at=1000.0, reason=reason if state == states[-1] else "",  # type: ignore[arg-type]
        )


def test_a_request_is_queued_and_the_experiment_ends_as_it_had_ended(lab: Lab, name: str) -> None:
    lab.examinations.request(name, seed=1)
    request = read_json(lab.home.experiment(name).request)
    assert request == {"examine": {"seed": 1}, "train": False, "before": {"state": "succeeded", "reason": ""}}
    assert lab.store.state(name) == "queued" and lab.examinations.is_underway(name)
    with pytest.raises(Conflict, match="is queued; wait for its end"):
        lab.examinations.request(name)
    assert [entry.action for entry in lab.audit.newest()][:1] == ["examine"]
    go(lab, name, "starting", "running", "failed", reason="The disk was full.")
    view = lab.experiment(name)
    assert (view.row.state, view.row.reason) == ("succeeded", "")
    assert view.notes[-1].text == "The examination failed: The disk was full."
    assert not lab.examinations.is_underway(name)
    lab.examinations.request(name)
    assert read_json(lab.home.experiment(name).request)["examine"] == {"seed": 0}, "the first seed unless told"
    lab.stop(name)
    view = lab.experiment(name)
    assert view.row.state == "succeeded"
    assert view.notes[-1].text.startswith("The examination was stopped before its end")
    # An export that follows is none.
    student = next(run.run_id for run in view.runs if run.role == "student")
    lab.request_export(name, student)
    assert not lab.examinations.is_underway(name)


def test_what_cannot_be_examined_is_refused_in_a_sentence(lab: Lab, name: str) -> None:
    with pytest.raises(NotFound):
        lab.examinations.request("nothing")
    with pytest.raises(NotFound):
        lab.examinations.of("nothing", Robustness)
    with pytest.raises(Conflict, match="Seed 9 has no trained student; allowed: 0, 1"):
        lab.examinations.request(name, seed=9)
    running = build_running_experiment(lab.home, spec=preset_spec(seeds=2, name="running")).experiment_id
    with pytest.raises(Conflict, match="is running; wait for its end"):
        lab.examinations.request(running)
    other = lab.acting_as(Actor("ada@example.org", "operator"))
    with pytest.raises(NotAllowed):
        other.examinations.request(name)
    assert lab.store.state(name) == "succeeded"


def test_what_was_found_is_read_by_seed_and_what_cannot_be_read_is_as_if_it_were_not_there(
    lab: Lab, name: str
) -> None:
    assert lab.examinations.of(name, LossLine) is None and lab.examinations.seeds(name) == ()
    made = line(lab, name, seed=1)
    assert lab.examinations.seeds(name) == (1,)
    assert lab.examinations.of(name, LossLine) == made, "of the seed that was examined"
    assert lab.examinations.of(name, LossLine, seed=0) is None
    assert lab.examinations.of(name, Robustness) is None
    line(lab, name, seed=0, version=VERSION + 1)
    assert lab.examinations.of(name, LossLine, seed=0) is None, "of another version"
    lab.home.experiment(name).examination(0, LossLine.part).write_text(json.dumps({"version": VERSION}))
    assert lab.examinations.of(name, LossLine, seed=0) is None, "half a file"


def test_networks_that_were_trained_further_make_it_stale(lab: Lab, name: str) -> None:
    made = line(lab, name, seed=0)
    runs = lab.experiment(name).runs
    assert not is_stale(made, runs)
    further = made.networks[0].model_copy(update={"stopped_epoch": made.networks[0].stopped_epoch + 1})
    assert is_stale(made.model_copy(update={"networks": (further,)}), runs)
    unknown = made.networks[0].model_copy(update={"run_id": "an int8 file made here"})
    assert not is_stale(made.model_copy(update={"networks": (unknown,)}), runs)


def test_the_estimate_grows_with_the_networks(lab: Lab, name: str) -> None:
    view = lab.experiment(name)
    small = lab.examinations.estimate_seconds(view)
    assert 10 < small < 40
    huge = [run.__class__(**{**run.__dict__, "macs": 10**9}) for run in view.runs]
    assert lab.examinations.estimate_seconds(view.__class__(**{**view.__dict__, "runs": tuple(huge)})) > 3 * small
