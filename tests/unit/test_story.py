"""What other tools are told of an experiment: named runs, their figures, each once."""

from __future__ import annotations

import pytest

from distill_core.events import DataLoaded, Event, LayerZeros, OnnxExported, RunCompressed
from distill_core.exporters.run_settings import settings_of
from distill_core.exporters.story import Curves, ExperimentOver, ModelFile, Record, Results, RunOver, Story, safe_name
from distill_core.folders import ExperimentFolder, Home
from distill_core.spec import parse_spec
from tests.conftest import tiny_spec_data
from tests.store_samples import declared, epoch, finished, small_spec, whole_story


@pytest.fixture
def folder(tmp_path) -> ExperimentFolder:
    return Home(tmp_path).experiment("e1")


def told(folder: ExperimentFolder, *events: Event | None) -> list[Record]:
    story = Story(small_spec("An experiment"), folder)
    return [record for event in events for record in story.records(event)]


def test_a_whole_story_has_three_epochs_and_one_end_of_every_run(folder: ExperimentFolder) -> None:
    records = told(folder, *whole_story())
    assert len([one for one in records if isinstance(one, Curves)]) == 15
    assert len([one for one in records if isinstance(one, RunOver)]) == 5
    assert [one.outcome for one in records if isinstance(one, ExperimentOver)] == ["succeeded"]
    assert not [one for one in records if isinstance(one, ModelFile)], "there is no such file"


def test_a_model_is_told_where_its_file_is(folder: ExperimentFolder) -> None:
    folder.run("r").onnx.parent.mkdir(parents=True)
    folder.run("r").onnx.touch()
    exported = OnnxExported(
        at=1.0, run_id="r", path="runs/r/model.onnx", size_bytes=9, max_abs_diff=0.0, same_class=1, total=1
    )
    assert [type(one) for one in told(folder, declared("r"), exported)] == [Results, ModelFile]
    assert told(folder, exported) == [], "of a run that was never declared"


def test_what_is_told_again_is_not_passed_on_but_what_changed_is(folder: ExperimentFolder) -> None:
    first = [declared("r"), epoch("r", 1), None, epoch("r", 2), finished("r")]
    records = told(folder, *first, *first, epoch("r", 3), finished("r", accuracy=0.95))
    assert [one.step for one in records if isinstance(one, Curves)] == [1, 2, 3]
    results = [one.values for one in records if isinstance(one, Results)]
    assert len(results) == 2 and results[1] == {"test/accuracy": 0.95}
    assert len([one for one in records if isinstance(one, RunOver)]) == 1


def test_a_regression_has_its_own_figures(folder: ExperimentFolder) -> None:
    point = epoch("r", 1).model_copy(update={"validation_r2": 0.5, "validation_mse": 0.25})
    last = finished("r").model_copy(update={"r2": 0.6, "mse": 0.2, "agreement": None})
    curves, results, _ = told(folder, declared("r"), point, last)
    assert isinstance(curves, Curves) and isinstance(results, Results)
    assert {"validation/r2": 0.5, "validation/squared_error": 0.25}.items() <= curves.values.items()
    assert results.values["test/r2"] == 0.6
    assert not [name for name in (*curves.values, *results.values) if "accuracy" in name or "nll" in name]


def test_a_compressed_run_has_its_parents_settings_its_step_and_what_was_left(folder: ExperimentFolder) -> None:
    child = declared("c", role="compressed", name="distilled, pruned").model_copy(
        update={"parent": "r", "compression_step": "magnitude", "strength": 0.5}
    )
    layers = (LayerZeros(layer="a", weights=60, zeros=30), LayerZeros(layer="b", weights=40, zeros=10))
    left = RunCompressed(
        at=1.0, run_id="c", parameters=100, macs=7, size_bytes=400, zipped_bytes=300, layers=layers
    )
    (record,) = told(folder, declared("r"), child, left)
    assert isinstance(record, Results)
    assert record.values["compressed/zeros"] == 0.4 and record.values["compressed/zipped_bytes"] == 300
    settings = record.run.settings
    assert settings["role"] == "compressed" and settings["compression.parent"] == "r"
    assert settings["terms.kd.temperature"] == 4.0 and settings["compression.strength"] == 0.5


def test_names_of_terms_are_letters_that_every_tool_takes(folder: ExperimentFolder) -> None:
    (record,) = told(folder, declared("r"), epoch("r", 1).model_copy(update={"raw_terms": {"kd (T=4)/ä": 1.0}}))
    assert isinstance(record, Curves) and record.values["terms_raw/kd__T_4___"] == 1.0


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Digits: 100 images", "Digits, 100 images"), ("../../etc", "_.._etc"), ("a/b\\c\0d\n", "a_b_c_d_"),
        ("...", ""),
        ("naïve Straße 数字", "naïve Straße 数字"), ("x" * 80, "x" * 50), ("<b>", "_b_"), ("\u202eabc", "_abc"),
    ],
)  # fmt: skip
def test_a_name_becomes_one_folder(name: str, safe: str) -> None:
    assert safe_name(name) == safe and len(safe.encode()) <= 200


def test_two_variants_never_share_a_place(folder: ExperimentFolder) -> None:
    names = [("r1", "a/b"), ("r2", "a:b"), ("r3", "A_B"), ("r4", "..."), ("r5", "a/b")]
    events: list[Event] = [declared(run, name=name) for run, name in names]
    records = told(folder, *events, *(epoch(run, 1) for run, _ in names))
    places = ["/".join(one.run.place).casefold() for one in records if isinstance(one, Curves)]
    assert len(set(places)) == len(names)
    assert places[0] == "an experiment/a_b/seed-0" and places[3] == "an experiment/r4/seed-0"


def test_events_that_other_tools_do_not_keep_bring_nothing(folder: ExperimentFolder) -> None:
    loaded = DataLoaded(at=1.0, class_names=("a",), shape=(1,), train=1, validation=1, test=1)
    assert told(folder, loaded, epoch("unknown", 1), None) == []


def test_settings_are_flat_and_a_repeated_loss_is_numbered() -> None:
    data = tiny_spec_data()
    twice = {"loss": {"name": "kd", "params": {"temperature": 2.0}}, "weight": 0.5}
    data["students"][1]["terms"].append(twice)
    spec = parse_spec(data)
    student = settings_of(spec, declared("r", name="distilled"))
    assert student["terms.kd.temperature"] == 4.0 and student["terms.kd_2.temperature"] == 2.0
    assert student["terms.kd_2.weight"] == 0.5 and student["teacher.name"] == "small-cnn"
    assert student["training.optimizer.learning_rate"] == 0.03 and student["architecture.params.width"] == 4
    assert all(isinstance(value, str | int | float | bool) for value in student.values())
    teacher = settings_of(spec, declared("t", role="teacher", name="teacher", seed=50))
    assert teacher["training.optimizer.learning_rate"] == 0.01 and "terms.kd.temperature" not in teacher
    assert settings_of(spec, declared("b", role="baseline", name="alone, pruned"))["variant"] == "alone, pruned"
