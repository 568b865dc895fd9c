"""What every exporter promises, held against each with its real tool: what is told arrives, and shows once."""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from distill_core.entries import ExporterEntry, Params
from distill_core.events import EpochEnded, WorkerEnded
from distill_core.exporters import REGISTRY, switched_on
from distill_core.folders import ExperimentFolder, Home
from distill_core.jobs.exporting import DONE, serve
from distill_core.store.store import Store
from tests.store_samples import declared, epoch, finished, small_spec, whole_story, write_events

MISSING = "pip install -r requirements-tools.txt"
NAME = "Digits: a/b <b>"


@dataclass
class Seen:
    """What a tool's own reader finds of one run."""

    curves: dict[str, dict[int, float]]
    points: int
    """Of the training loss, repetitions counted."""
    results: dict[str, float]
    settings: dict[str, Any]


def seen_by_tensorboard(folder: ExperimentFolder) -> dict[str, Seen]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    found = {}
    for path in folder.exported("tensorboard").rglob("*tfevents*"):
        accumulator = EventAccumulator(str(path.parent)).Reload()
        scalars = {tag: accumulator.Scalars(tag) for tag in accumulator.Tags()["scalars"]}
        curves = {tag: {point.step: point.value for point in points} for tag, points in scalars.items()}
        start = accumulator.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
        settings = HParamsPluginData.FromString(start).session_start_info.hparams
        assert accumulator.SummaryMetadata("_hparams_/session_end_info").plugin_data.plugin_name == "hparams"
        found["/".join(path.parent.parts[-2:])] = Seen(
            curves=curves, points=len(scalars["training/loss"]),
            results={tag: points[-1].value for tag, points in scalars.items()},
            settings={name: getattr(value, value.WhichOneof("kind")) for name, value in settings.items()},
        )
    return found


def seen_by_mlflow(folder: ExperimentFolder) -> dict[str, Seen]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{folder.home.path}/mlflow.db")
    experiment = client.get_experiment_by_name("distill-lab")
    runs = client.search_runs([experiment.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert [(run.info.run_name, run.info.status) for run in parents] == [(NAME, "FINISHED")]
    found = {}
    for run in runs:
        if run in parents:
            continue
        assert run.data.tags["mlflow.parentRunId"] == parents[0].info.run_id
        assert run.info.status in ("FINISHED", "FAILED")
        histories = {key: client.get_metric_history(run.info.run_id, key) for key in run.data.metrics}
        curves = {key: {point.step: point.value for point in points} for key, points in histories.items()}
        key = f"{run.data.params['variant']}/seed-{run.data.params['seed']}"
        assert key not in found, "one MLflow run a network"
        found[key] = Seen(curves, len(histories["training/loss"]), dict(run.data.metrics), dict(run.data.params))
    return found


def seen_by_wandb(folder: ExperimentFolder) -> dict[str, Seen]:
    """Of offline folders that have one run id, as a server merges them: each step once."""
    from wandb.proto.wandb_internal_pb2 import Record

    found: dict[str, Seen] = {}
    for path in sorted(folder.path.glob("wandb/offline-run-*/*.wandb")):
        seen = Seen({}, 0, {}, {})
        for data in leveldb_records(path.read_bytes()):
            record = Record.FromString(data)
            if record.HasField("run"):
                assert record.run.project == "distill-lab" and NAME in record.run.run_group
                seen.settings |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
            for item in record.history.item:
                name = item.key or "/".join(item.nested_key)
                seen.curves.setdefault(name, {})[record.history.step.num] = json.loads(item.value_json)
            for item in record.summary.update:
                # In a summary W&B has null for what is not a number.
                value = math.nan if item.value_json == "null" else json.loads(item.value_json)
                seen.results[item.key or "/".join(item.nested_key)] = value
        key = f"{seen.settings['variant']}/seed-{seen.settings['seed']}"
        merged = found.setdefault(key, Seen({}, 0, {}, seen.settings))
        merged.results |= seen.results
        for name, points in seen.curves.items():
            merged.curves.setdefault(name, {}).update(points)
        merged.points = len(merged.curves.get("training/loss", {}))
    return found


def leveldb_records(data: bytes) -> Iterator[bytes]:
    """The format of .wandb files: 7 bytes of header, then blocks of 32 KiB with records cut into pieces."""
    at, whole = 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield whole
            whole = b""


READERS: dict[str, Callable[[ExperimentFolder], dict[str, Seen]]] = {
    "tensorboard": seen_by_tensorboard, "mlflow": seen_by_mlflow, "wandb": seen_by_wandb,
}


@pytest.fixture(scope="module")
def empty_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new MLflow database: its many migrations take longer than all that is done with it."""
    from mlflow.tracking import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def mlflow_address(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    pytest.importorskip("mlflow", reason=MISSING)
    shutil.copy(request.getfixturevalue("empty_mlflow"), tmp_path / "mlflow.db")
    address = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    return address


@pytest.fixture(params=REGISTRY.names)
def entry(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ExporterEntry:
    """Each exporter, switched on as a user would, on tools that write to this disk alone."""
    pytest.importorskip(request.param, reason=MISSING)
    if request.param == "mlflow":
        request.getfixturevalue("mlflow_address")
    monkeypatch.setenv("DISTILL_WANDB", "1")
    for name in ("WANDB_MODE", "WANDB_PROJECT", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    chosen = REGISTRY[request.param]
    assert chosen.why_off() is None and chosen in switched_on()
    return chosen


@pytest.fixture
def folder(tmp_path: Path) -> ExperimentFolder:
    store = Store(Home(tmp_path))
    made = store.home.experiment(store.create(small_spec(NAME), experiment_id="e1", created_at=1.0))
    place = made.run("t").onnx
    place.parent.mkdir(parents=True)
    sizes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", sizes[:1], sizes[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), place)
    return made


def write_all(folder: ExperimentFolder, entry: ExporterEntry) -> None:
    trouble: list[str] = []
    assert serve(folder, entry, rest=lambda: True, note=trouble.append, sleep=lambda seconds: None) == DONE, trouble
    assert not trouble


def within_a_curve() -> int:
    """Where the story is cut: behind the second of three epochs of a run."""
    return 1 + next(
        number for number, event in enumerate(whole_story())
        if isinstance(event, EpochEnded) and (event.run_id, event.epoch) == ("d0", 2)
    )


def check_everything_is_there(seen: dict[str, Seen]) -> None:
    students = {f"{name}/seed-{seed}" for name in ("alone", "distilled") for seed in "01"}
    assert set(seen) == {"teacher/seed-50"} | students
    for run in seen.values():
        assert run.points == 3 and run.curves["training/loss"] == {1: 0.5, 2: 0.5, 3: 0.5}
        assert run.curves["terms_raw/kd"] == {1: 0.5, 2: 0.5, 3: 0.5}
        assert run.curves["terms_weighted/kd"] == {1: 0.25, 2: 0.25, 3: 0.25}
        assert run.curves["validation/accuracy"] == pytest.approx({1: 0.9, 2: 0.9, 3: 0.9})
        assert run.curves["training/learning_rate"] == pytest.approx({1: 0.01, 2: 0.01, 3: 0.01})
    assert seen["distilled/seed-1"].results["test/accuracy"] == pytest.approx(0.96)
    assert seen["alone/seed-0"].results["test/accuracy"] == pytest.approx(0.90)
    assert seen["teacher/seed-50"].results["latency/batch_1_threads_1/p50_ms"] == pytest.approx(0.1)
    assert seen["teacher/seed-50"].results["onnx/bytes"] == 9000
    assert float(seen["distilled/seed-0"].settings["terms.kd.temperature"]) == 4.0
    assert float(seen["distilled/seed-0"].settings["terms.cross-entropy.weight"]) == 1.0
    assert "terms.kd.temperature" not in seen["alone/seed-0"].settings


def test_what_is_told_arrives(entry: ExporterEntry, folder: ExperimentFolder) -> None:
    write_events(folder.home, "e1", *whole_story())
    write_all(folder, entry)
    check_everything_is_there(READERS[entry.name](folder))
    assert entry.look(folder.home.path)


def test_a_successor_goes_on_and_a_resumed_worker_repeats_itself(
    entry: ExporterEntry, folder: ExperimentFolder
) -> None:
    story, middle = whole_story(), within_a_curve()
    write_events(folder.home, "e1", *story[:middle])
    write_all(folder, entry)
    # Declares its runs and tells the epochs since its checkpoint again; then the rest.
    write_events(folder.home, "e1", *(event for event in story[:middle] if event.kind != "ended"), *story[middle:])
    write_all(folder, entry)
    check_everything_is_there(READERS[entry.name](folder))


def test_what_was_written_but_not_remembered_shows_once(entry: ExporterEntry, folder: ExperimentFolder) -> None:
    story, middle = whole_story(), within_a_curve()
    write_events(folder.home, "e1", *story[:middle])
    write_all(folder, entry)
    remembered = folder.export(entry.name, "json")
    shutil.copy(remembered, folder.path / "kept.json")
    write_events(folder.home, "e1", *story[middle:])
    write_all(folder, entry)
    # Killed between the flush and the note of how far it came.
    shutil.copy(folder.path / "kept.json", remembered)
    write_all(folder, entry)
    check_everything_is_there(READERS[entry.name](folder))
    remembered.unlink()
    write_all(folder, entry)
    check_everything_is_there(READERS[entry.name](folder))


def test_a_loss_that_is_not_a_number_is_kept_as_it_is(entry: ExporterEntry, folder: ExperimentFolder) -> None:
    good, bad = epoch("r", 1), epoch("r", 2, loss=math.nan)
    over = finished("r", accuracy=math.nan, state="diverged")
    write_events(folder.home, "e1", declared("r"), good, bad, over, WorkerEnded(at=30.0, outcome="succeeded"))
    write_all(folder, entry)
    seen = READERS[entry.name](folder)["distilled/seed-0"]
    assert seen.curves["training/loss"][1] == 0.5 and math.isnan(seen.curves["training/loss"][2])
    assert math.isnan(seen.results["test/accuracy"])


@pytest.mark.parametrize("name", REGISTRY.names)
def test_an_entry_is_off_with_a_reason_where_its_package_is_missing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:1")
    monkeypatch.setenv("DISTILL_WANDB", "1")
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None)
    assert isinstance(REGISTRY[name].resolve({}), Params)
    assert "requirements-tools.txt" in str(REGISTRY[name].why_off())
    assert switched_on() == []


def test_only_tensorboard_is_on_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "DISTILL_WANDB"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: object())
    assert [entry.name for entry in switched_on()] == ["tensorboard"]
    assert "MLFLOW_TRACKING_URI" in str(REGISTRY["mlflow"].why_off())
    monkeypatch.setenv("DISTILL_WANDB", "off")
    assert "DISTILL_WANDB=1" in str(REGISTRY["wandb"].why_off())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example")
    assert REGISTRY["mlflow"].look(Path("/home")) == "http://tracking.example"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@host/runs")
    assert REGISTRY["mlflow"].look(Path("/home")) == "mlflow ui --backend-store-uri postgresql://host/runs"


def test_the_model_can_be_loaded_from_mlflow(folder: ExperimentFolder, mlflow_address: str, tmp_path: Path) -> None:
    import mlflow.onnx
    from mlflow.tracking import MlflowClient

    write_events(folder.home, "e1", *whole_story())
    write_all(folder, REGISTRY["mlflow"])
    client = MlflowClient(mlflow_address)
    found = client.search_runs(
        [client.get_experiment_by_name("distill-lab").experiment_id], filter_string="tags.`distill_lab.id` = 'e1/t'"
    )
    assert found[0].info.artifact_uri.startswith(f"file://{tmp_path}/mlflow-models")
    mlflow.set_tracking_uri(mlflow_address)
    loaded = mlflow.onnx.load_model(f"runs:/{found[0].info.run_id}/model")
    assert loaded.SerializeToString() == onnx.load(folder.run("t").onnx).SerializeToString()
