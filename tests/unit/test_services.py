"""The lab's promises to pages and command line, without a dispatcher or a worker."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from distill_core.catalog import Catalogue
from distill_core.errors import Conflict, LabError, NotFound, SpecError
from distill_core.events import OnnxExported
from distill_core.folders import Home, read_json
from distill_core.services import Lab
from distill_core.spec import ExperimentSpec
from distill_core.store.records import new_experiment_id
from tests.store_samples import declared, epoch, finished, small_spec, whole_story, write_events


class NoDispatcher:
    """Counts how often it is asked for; starts nobody."""

    def __init__(self) -> None:
        self.asked = 0

    def ensure(self) -> None:
        self.asked += 1


@pytest.fixture
def lab(tmp_path: Path, with_catalogue: Callable[[Home], Home], monkeypatch: pytest.MonkeyPatch) -> Lab:
    lab = Lab(with_catalogue(Home(tmp_path / "home")), clock=lambda: 1000.0)
    monkeypatch.setattr(lab, "_starter", NoDispatcher())
    return lab


def asked(lab: Lab) -> int:
    starter = lab._starter
    assert isinstance(starter, NoDispatcher)
    return starter.asked


def ended(lab: Lab, *, state: str = "succeeded") -> str:
    """A launched experiment with a whole story, at rest."""
    name = lab.launch(small_spec())
    write_events(lab.home, name, *whole_story())
    lab.store.ingest(name)
    for step in ("starting", "running", state):
        lab.store.transition(name, expected=("queued", "starting", "running"), to=step, at=1000.0)  # type: ignore[arg-type]
    return name


def test_launching_writes_the_checked_spec_and_asks_for_a_dispatcher(lab: Lab) -> None:
    name = lab.launch(small_spec())
    assert asked(lab) == 1 and lab.store.state(name) == "queued"
    spec = ExperimentSpec.model_validate(read_json(lab.home.experiment(name).spec))
    assert spec.students[0].terms[0].loss.params == {"label_smoothing": 0.0}, "defaults are filled in"
    assert lab.experiment(name).spec == spec


def test_one_key_launches_once(lab: Lab) -> None:
    first = lab.launch(small_spec(), idempotency_key="a click")
    assert lab.launch(small_spec(), idempotency_key="a click") == first
    assert lab.launch(small_spec(), idempotency_key="another") != first
    assert lab.launch(small_spec()) != lab.launch(small_spec())
    assert lab.count() == 4
    assert len(list(lab.home.experiments.iterdir())) == 4


def test_many_clicks_at_once_launch_once(lab: Lab) -> None:
    lab.catalogue()
    names: list[str] = []
    clicks = [
        threading.Thread(target=lambda: names.append(lab.launch(small_spec(), idempotency_key="k"))) for _ in range(8)
    ]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    assert len(names) == 8 and len(set(names)) == 1


def test_ids_sort_by_time() -> None:
    times = [1_700_000_000.0, 1_700_000_000.001, 1_700_000_001.0, 1_900_000_000.0]
    ids = [new_experiment_id(at, lambda most: most - 1) for at in times]
    assert ids == sorted(ids) and all(len(name) == 12 and name.isalnum() and name.islower() for name in ids)


def test_a_bad_spec_launches_nothing(lab: Lab) -> None:
    with pytest.raises(SpecError) as error:
        lab.launch(small_spec(teacher={"architecture": {"name": "resnet"}}))
    assert error.value.problems[0].field == "teacher.architecture.name"
    with pytest.raises(SpecError):
        lab.check({"name": "nothing else"})
    assert lab.count() == 0


def test_stopping_what_waits_and_what_runs(lab: Lab) -> None:
    waiting, running = lab.launch(small_spec()), lab.launch(small_spec())
    lab.stop(waiting)
    assert lab.store.state(waiting) == "cancelled"
    lab.store.transition(running, expected={"queued"}, to="starting", at=1.0)
    lab.stop(running)
    lab.stop(running)
    assert lab.store.state(running) == "stopping"
    assert lab.home.experiment(running).stop_request.exists()
    with pytest.raises(Conflict, match="only one that waits or runs"):
        lab.stop(waiting)


def test_resuming_forgets_an_export_request(lab: Lab) -> None:
    name = ended(lab, state="failed")
    request = lab.home.experiment(name).request
    lab.request_export(name, "d1")
    lab.stop(name)
    assert request.exists()
    lab.resume(name)
    assert not request.exists() and lab.store.state(name) == "queued"
    with pytest.raises(Conflict, match="queued"):
        lab.resume(name)
    lab.stop(name)
    assert lab.store.state(name) == "cancelled", "what trains again is stopped as any training"
    with pytest.raises(Conflict, match="succeeded"):
        lab.resume(ended(lab))


def test_requesting_exports(lab: Lab) -> None:
    name = ended(lab)
    with pytest.raises(NotFound):
        lab.request_export(name, "no-such-run")
    lab.request_export(name, "d1")
    before = {"state": "succeeded", "reason": ""}
    assert read_json(lab.home.experiment(name).request) == {"export": ["d1"], "train": False, "before": before}
    with pytest.raises(Conflict, match="queued"):
        lab.request_export(name, "a1")
    assert read_json(lab.home.experiment(name).request)["export"] == ["d1"]
    for state in ("starting", "running", "succeeded"):
        lab.store.transition(name, expected=("queued", "starting", "running"), to=state, at=1.0)  # type: ignore[arg-type]
    lab.request_export(name, "a1")
    assert read_json(lab.home.experiment(name).request)["export"] == ["a1"], "d1 was told to be done"


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
def test_stopping_an_export_leaves_the_experiment_as_it_was(lab: Lab, state: str) -> None:
    name = ended(lab, state=state)
    seconds = lab.result(name)["seconds"]
    for step in ("queued", "starting", "running"):
        # Stopped again and again it still is what it was before the first request.
        lab.request_export(name, "d1")
        for move in ("starting", "running")[: ("queued", "starting", "running").index(step)]:
            lab.store.transition(name, expected={"queued", "starting"}, to=move, at=1000.0)  # type: ignore[arg-type]
        lab.stop(name)
        if step != "queued":
            assert lab.store.state(name) == "stopping"
            lab.store.transition(name, expected={"stopping"}, to="cancelled", at=1000.0, reason="Stopped.")
        view = lab.experiment(name)
        assert (view.row.state, view.row.reason) == (state, "")
    assert [note.text for note in view.notes] == [
        "The export was stopped before its end; ask for it again to have it."
    ] * 3
    assert lab.result(name)["seconds"] == seconds
    lab.upkeep.reindex()
    assert lab.experiment(name) == view


def test_an_executor_that_there_is_not_is_told_before_anything_is_queued(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = ended(lab, state="failed")
    monkeypatch.setenv("DISTILL_EXECUTOR", "slurm")
    for ask in (lambda: lab.launch(small_spec()), lambda: lab.resume(name), lambda: lab.request_export(name, "d1")):
        with pytest.raises(LabError, match="DISTILL_EXECUTOR is 'slurm'; allowed: ray, local"):
            ask()
    assert lab.counts() == {"failed": 1} and lab.doctor()["executor"] == "slurm"


def test_a_run_without_a_network_is_not_exported(lab: Lab) -> None:
    name = lab.launch(small_spec())
    write_events(lab.home, name, declared("x"), declared("y"), finished("y", accuracy=math.nan, state="diverged"))
    lab.store.ingest(name)
    lab.stop(name)
    for run in ("x", "y"):
        with pytest.raises(Conflict, match="no trained network"):
            lab.request_export(name, run)


def test_deleting_is_for_what_rests_and_can_be_undone(lab: Lab) -> None:
    busy, done = lab.launch(small_spec()), ended(lab)
    with pytest.raises(Conflict, match="stop it"):
        lab.delete(busy)
    lab.delete(done)
    assert [row.experiment_id for row in lab.experiments()] == [busy]
    lab.undelete(done)
    assert lab.count() == 2


def test_verdicts_compare_with_the_same_network_alone(lab: Lab) -> None:
    (verdict,) = lab.verdicts(ended(lab))
    assert (verdict.student, verdict.baseline, verdict.seeds) == ("distilled", "alone", 2)
    assert verdict.delta_mean == pytest.approx(0.05)
    assert lab.verdicts(lab.launch(small_spec())) == []


def test_the_result_is_the_documented_json(lab: Lab) -> None:
    name = ended(lab)
    write_events(
        lab.home, name, finished("a0", accuracy=math.nan, state="diverged"),
        OnnxExported(at=30, run_id="d0", path="runs/d0/model.onnx", size_bytes=1, max_abs_diff=math.nan, same_class=1,
                     total=2),
    )
    lab.store.ingest(name)
    result = json.loads(json.dumps(lab.result(name), allow_nan=False))
    assert set(result) == {"experiment_id", "state", "task", "seconds", "verdicts", "runs"}
    assert set(result["verdicts"][0]) == {"student", "metric", "delta_mean", "ci_low", "ci_high", "seeds", "verdict"}
    runs = {run["run_id"]: run for run in result["runs"]}
    assert set(runs["t"]) == {
        "run_id", "role", "name", "seed", "state", "parameters", "macs", "size_bytes", "accuracy", "nll", "ece",
        "agreement", "r2", "mse", "teacher_mse", "onnx", "latency_ms", "parent", "step", "strength", "onnx_size_bytes",
        "zipped_bytes",
    }
    assert runs["t"]["onnx"]["path"] == str(lab.home.experiment(name).path / "runs/t/model.onnx")
    (latency,) = runs["t"]["latency_ms"]
    assert latency == {"batch": 1, "threads": 1, "provider": "CPU", "p50": 0.1, "p95": 0.2, "p99": 0.3}
    assert runs["d1"]["onnx"] is None and runs["d1"]["latency_ms"] is None
    assert runs["a0"]["accuracy"] is None and runs["d0"]["onnx"]["max_abs_diff"] is None


def test_seconds_count_the_work_that_goes_on(tmp_path: Path, lab: Lab) -> None:
    name = lab.launch(small_spec())
    assert lab.result(name)["seconds"] == 0.0
    lab.store.transition(name, expected={"queued"}, to="starting", at=990.0)
    assert lab.result(name)["seconds"] == 10.0
    lab.store.transition(name, expected={"starting"}, to="failed", at=993.0)
    assert lab.result(name)["seconds"] == 3.0


def test_live_points_are_plain_json_and_come_once(lab: Lab) -> None:
    name = lab.launch(small_spec())
    write_events(lab.home, name, declared("r"), epoch("r", 1, loss=math.nan), epoch("r", 2, best=True))
    lab.store.ingest(name)
    live = json.loads(json.dumps(lab.live(name, 0), allow_nan=False))
    assert live["state"] == "queued"
    assert live["points"] == [
        ["r", 1, None, 0.9, 0.3, {"kd": None}, False, {"kd": None}],
        ["r", 2, 0.5, 0.9, 0.3, {"kd": 0.25}, True, {"kd": 1.0}],
    ]
    again = lab.live(name, live["cursor"])
    assert again["points"] == [] and again["cursor"] == live["cursor"]
    assert asked(lab) >= 3, "who looks at an active experiment keeps its dispatcher going"
    with pytest.raises(NotFound):
        lab.live("nobody", 0)


def test_looking_at_what_rests_starts_nobody(lab: Lab) -> None:
    name = ended(lab)
    before = asked(lab)
    lab.experiment(name)
    lab.live(name, 0)
    assert asked(lab) == before


def test_the_log_s_end(lab: Lab) -> None:
    name = lab.launch(small_spec())
    assert lab.log_tail(name) == ""
    lab.home.experiment(name).worker_log.write_bytes(b"\xff first\n" + b"x" * 1_000_000 + b"\nlast but one\nlast\n")
    assert lab.log_tail(name, lines=2) == "last but one\nlast"
    assert len(lab.log_tail(name)) < 300_000
    with pytest.raises(NotFound):
        lab.log_tail("../../etc/passwd")


def test_the_catalogue_without_torch_refuses_as_the_real_one(lab: Lab) -> None:
    from distill_core.training.preparation import installed_catalogue

    real = installed_catalogue()
    assert lab.catalogue().to_json() == Catalogue.from_json(real.to_json()).to_json()
    assert lab.catalogue().check(small_spec()) == real.check(small_spec())


def test_the_doctor_tells_what_a_page_shows(lab: Lab) -> None:
    report = lab.doctor()
    assert json.loads(json.dumps(report)) == report
    assert report["devices"][-1]["name"] == "cpu" and report["versions"]["torch"]
    assert report["home"] == str(lab.home.path) and report["home_writable"] and not report["dispatcher_alive"]


def test_a_damaged_index_is_replaced_by_reindexing(lab: Lab, tmp_path: Path) -> None:
    name = ended(lab)
    lab.store.close()
    broken = Lab(lab.home)
    for ending in ("-wal", "-shm"):
        lab.home.database.with_name(lab.home.database.name + ending).unlink(missing_ok=True)
    lab.home.database.write_bytes(b"no database" * 500)
    assert broken.upkeep.reindex() == (1, [])
    assert broken.store.state(name) == "succeeded"
    assert list(lab.home.path.glob("*.damaged-*"))
