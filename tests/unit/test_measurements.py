"""The latency lab's shelf of results: what is refused, what is kept, what comes back; no process is started."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from distill_core import measurements
from distill_core.deployment.latency_report import ReportProblem, parse_report
from distill_core.errors import Conflict, NotFound, SpecError
from distill_core.executors.executor import Placement
from distill_core.folders import Home
from distill_core.jobs.latency_record import LatencyFiles, read_record, write_record
from distill_core.measurements import Measurements
from distill_core.rows import RunRow
from distill_core.store.store import Store
from tests.latency_samples import exported_experiment, graph_of, holding, report_bytes, report_of, write_graph


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an experiment, written once and copied for each test."""
    home = Home(tmp_path_factory.mktemp("furnished") / "home")
    exported_experiment(home)
    return home.path


@pytest.fixture
def home(furnished: Path, tmp_path: Path) -> Home:
    # The index is made anew: its files change whenever a store that had it open is collected.
    shutil.copytree(furnished, tmp_path / "home", ignore=shutil.ignore_patterns("lab.sqlite*"))
    copy = Home(tmp_path / "home")
    Store(copy).reindex()
    return copy


@pytest.fixture
def runs(home: Home) -> list[RunRow]:
    return [run for run in Store(home).runs(experiment_ids=["one"]) if run.onnx_path]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shelf(home: Home, runs: list[RunRow], clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Measurements:
    """Its measuring process is one that has ended already."""
    monkeypatch.setattr(measurements, "start_measuring", lambda files, now: subprocess.Popen(["true"]))
    store = Store(home)
    return Measurements(home, lambda: store, clock=clock)


@pytest.fixture
def busy(home: Home) -> Iterator[Any]:
    """Another process that holds what a worker holds."""
    with ExitStack() as held:
        yield lambda *paths: held.enter_context(holding(*paths))


def picked(runs: list[RunRow]) -> list[tuple[str, str]]:
    return [(run.experiment_id, run.run_id) for run in runs]


# Measuring -----------------------------------------------------------------------------------


def test_only_exported_runs_whose_files_are_there_can_be_measured(shelf: Measurements, runs: list[RunRow], home: Home):
    assert [run.run_id for run in shelf.exported(["one"])] == [run.run_id for run in runs] and len(runs) == 5
    graph_of(home, runs[0]).unlink()
    assert [run.run_id for run in shelf.exported(["one"])] == [run.run_id for run in runs[1:]]
    with pytest.raises(NotFound, match="is not exported; export it"):
        shelf.begin(picked(runs), {})
    assert shelf.exported([]) == []


def test_what_is_asked_for_is_kept(shelf: Measurements, runs: list[RunRow], home: Home) -> None:
    measurement_id = shelf.begin(picked(runs[:2]), {"batches": [1, 8, 1], "threads": [1], "repeats": 50})
    found = shelf.get(measurement_id)
    assert found.state == "measuring" and found.conditions is not None and found.conditions.batches == (1, 8)
    assert [(run.run_id, run.name) for run in found.runs] == [(run.run_id, run.label) for run in runs[:2]]
    assert (home.path / found.runs[0].graph).is_file()
    assert shelf.active() == found and shelf.all() == []


@pytest.mark.parametrize(
    ("conditions", "sentence"),
    [
        ({"batches": []}, "batches is "), ({"batches": [0]}, "batches.0 is 0; allowed: a value at least 1"),
        ({"batches": [10**9]}, "batches.0"), ({"threads": [-1]}, "threads.0"), ({"repeats": 1}, "repeats is 1"),
        ({"repeats": 10**9}, "repeats"), ({"warmup": 0}, "warmup"), ({"provider": "Nope"}, "provider is 'Nope'"),
        ({"nonsense": 1}, "nonsense"), ({"batches": [float("nan")]}, "batches.0"),
    ],
)
def test_conditions_that_cannot_be_are_told(
    shelf: Measurements, runs: list[RunRow], conditions: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SpecError) as caught:
        shelf.begin(picked(runs), conditions)
    assert sentence in str(caught.value) and shelf.active() is None


def test_nothing_chosen_is_told(shelf: Measurements) -> None:
    with pytest.raises(SpecError, match="1 to 16 exported runs"):
        shelf.begin([], {})


def test_what_it_would_wait_for_is_told_before(shelf: Measurements, runs: list[RunRow], home: Home, busy: Any) -> None:
    busy(home.processor_lock)
    assert "Another measurement keeps this processor busy" in shelf.obstacle("CPUExecutionProvider")
    busy(home.experiment("one").worker_lock)
    told = "Experiment “first” (one) is at work on this processor; measuring begins at its end."
    assert shelf.obstacle("CPUExecutionProvider") == told
    assert shelf.get(shelf.begin(picked(runs), {})).state == "measuring"


def test_a_worker_that_waits_for_the_processor_is_not_in_the_way(
    shelf: Measurements, runs: list[RunRow], home: Home, busy: Any
) -> None:
    busy(home.experiment("one").worker_lock)
    assert shelf.obstacle("CPUExecutionProvider") == "" and shelf.begin(picked(runs), {})


def test_a_training_on_the_gpu_is_in_the_way_of_the_gpu_alone(
    shelf: Measurements, home: Home, busy: Any
) -> None:
    spec = home.experiment("one").spec
    spec.write_text(spec.read_text().replace('"device": "auto"', '"device": "cuda:0"'))
    assert '"cuda:0"' in spec.read_text()
    busy(home.experiment("one").worker_lock, home.device_lock("cuda:0"))
    assert "is at work on this GPU" in shelf.obstacle("CUDAExecutionProvider")
    assert shelf.obstacle("CPUExecutionProvider") == ""


def test_a_training_on_another_gpu_is_in_nobody_s_way(shelf: Measurements, home: Home, busy: Any) -> None:
    Placement("t", 1, ("cuda:1",), "cuda:1").write(home.experiment("one"))
    busy(home.experiment("one").worker_lock, home.device_lock("cuda:1"))
    assert shelf.obstacle("CUDAExecutionProvider") == ""
    busy(home.device_lock("cuda:0"))
    assert "Another measurement keeps this GPU busy" in shelf.obstacle("CUDAExecutionProvider")


def test_two_at_once_are_refused(shelf: Measurements, runs: list[RunRow]) -> None:
    shelf.begin(picked(runs), {})
    with pytest.raises(Conflict, match="under way already"):
        shelf.begin(picked(runs), {})


def test_a_process_that_died_is_told_and_swept_a_day_later(
    shelf: Measurements, runs: list[RunRow], home: Home, clock: Clock
) -> None:
    first = shelf.begin(picked(runs), {})
    clock.now += 60
    assert shelf.get(first).state == "failed" and "without a last word" in shelf.get(first).reason
    clock.now += 86_400
    shelf.begin(picked(runs), {})
    with pytest.raises(NotFound):
        shelf.get(first)
    assert not list(home.measurements.glob(f"{first}*"))


def test_a_stop_is_asked_for_once_it_is_under_way_only(shelf: Measurements, runs: list[RunRow], home: Home) -> None:
    measurement_id = shelf.begin(picked(runs), {})
    shelf.stop(measurement_id)
    files = LatencyFiles(home, measurement_id)
    assert files.stop_request.exists()
    write_record(files, read_record(files).model_copy(update={"state": "stopped"}))
    with pytest.raises(Conflict, match="has ended already"):
        shelf.stop(measurement_id)


# Taking in -----------------------------------------------------------------------------------


def test_a_report_of_our_models_becomes_rows_with_our_names(
    shelf: Measurements, runs: list[RunRow], home: Home
) -> None:
    content = report_bytes(report_of([graph_of(home, run) for run in runs[:2]], machine="my Pi", batches=(1, 4)))
    result_id = shelf.take_in(content, ["one"])
    found = shelf.get(result_id)
    assert (found.machine, found.source, found.state) == ("my Pi", "upload", "ready")
    assert [(row.model, row.run_id, row.batch) for row in found.rows] == [
        (run.label, run.run_id, batch) for run in runs[:2] for batch in (1, 4)
    ]
    assert found.rows[0].p50 == pytest.approx(1.5) and found.rows[0].p50 == pytest.approx(2 * found.rows[2].p50)
    assert found.report == parse_report(content)
    assert shelf.take_in(content, ["one"]) == result_id and len(shelf.all()) == 1
    assert shelf.all(experiment_ids=["two"]) == [] and shelf.rows([result_id]) == found.rows


def test_a_report_of_another_model_is_refused(shelf: Measurements, tmp_path: Path, home: Home) -> None:
    foreign = write_graph(tmp_path / "model.onnx", hidden=3)
    with pytest.raises(ReportProblem, match="measured another model; allowed: the exported models of the chosen"):
        shelf.take_in(report_bytes(report_of([foreign])), ["one"])
    with pytest.raises(ReportProblem, match="measured another model"):
        shelf.take_in(report_bytes(report_of([graph_of(home, shelf.exported(["one"])[0])])), [])
    assert shelf.all() == []


def test_results_of_several_experiments_tell_them_apart(shelf: Measurements, runs: list[RunRow], home: Home) -> None:
    others = exported_experiment(home, "two", name="second")
    write_graph(graph_of(home, others[1]), hidden=48, seed=99)
    content = report_bytes(report_of([graph_of(home, runs[1]), graph_of(home, others[1])]))
    rows = shelf.get(shelf.take_in(content, ["one", "two"])).rows
    assert [row.model for row in rows] == [f"{runs[1].label} · first", f"{others[1].label} · second"]


# Keeping -------------------------------------------------------------------------------------


def test_deleting_can_be_undone_and_a_restart_loses_nothing(
    shelf: Measurements, runs: list[RunRow], home: Home, clock: Clock
) -> None:
    first = shelf.take_in(report_bytes(report_of([graph_of(home, runs[0])])), ["one"])
    clock.now += 10
    second = shelf.take_in(report_bytes(report_of([graph_of(home, runs[0])], machine="phone")), ["one"])
    shelf.remove(first)
    again = Measurements(home, lambda: Store(home))
    assert [one.id for one in again.all()] == [second]
    assert [one.id for one in again.all(include_removed=True)] == [second, first]
    again.restore(first)
    assert [one.id for one in again.all()] == [second, first]


def test_a_damaged_record_hides_no_other(shelf: Measurements, runs: list[RunRow], home: Home) -> None:
    kept = shelf.take_in(report_bytes(report_of([graph_of(home, runs[0])])), ["one"])
    (home.measurements / "0123456789ab.json").write_text('{"half": ')
    assert [one.id for one in shelf.all()] == [kept]
    with pytest.raises(NotFound, match="is damaged; delete it"):
        shelf.get("0123456789ab")


@pytest.mark.parametrize("name", ["", "../../etc", "abc", "0123456789ab", "0123456789AB", "0123456789ab/x"])
def test_ids_of_nothing_are_told(shelf: Measurements, name: str) -> None:
    for ask in (shelf.get, shelf.remove, shelf.restore, shelf.stop):
        with pytest.raises(NotFound, match="no latency result"):
            ask(name)
