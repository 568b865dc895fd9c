"""Specs: round trips, and one sentence for every mistake."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest

from distill_core.errors import SpecError
from distill_core.presets import find_preset, load_presets
from distill_core.spec import ExperimentSpec, parse_spec, read_spec
from distill_core.training.preparation import installed_catalogue


def changed(data: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    data = copy.deepcopy(data)
    place: Any = data
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in parents:
        place = place[part]
    place[last] = value
    return data


def test_a_spec_survives_json_and_has_a_schema(tiny_spec: ExperimentSpec) -> None:
    assert parse_spec(json.loads(json.dumps(tiny_spec.to_json()))) == tiny_spec
    schema = ExperimentSpec.model_json_schema()
    assert schema["properties"]["version"]["const"] == 1
    with pytest.raises(ValueError, match="frozen"):
        tiny_spec.name = "other"  # type: ignore[misc]


def test_the_check_fills_in_every_default(tiny_spec: ExperimentSpec) -> None:
    full = installed_catalogue().check(tiny_spec)
    assert full.students[0].terms[0].loss.params == {"label_smoothing": 0.0}
    assert installed_catalogue().check(full) == full


@pytest.mark.parametrize("preset", [preset.name for preset in load_presets()])
def test_presets_are_valid(preset: str) -> None:
    spec = find_preset(preset).spec
    installed_catalogue().check(spec)
    assert spec.shows


def test_the_default_preset_comes_first() -> None:
    presets = load_presets()
    assert presets[0].name == "digits"
    # What runs as it is stands before what wants the user's data.
    assert [preset.needs_path for preset in presets] == sorted(preset.needs_path for preset in presets)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (
            "students.1.terms.1.loss.params.temperature",
            0,
            "students.1.terms.1.loss.params.temperature is 0; allowed: a value above 0.",
        ),
        (
            "students.1.terms.1.loss.params.temperature",
            math.nan,
            "students.1.terms.1.loss.params.temperature is nan; allowed: a finite number",
        ),
        (
            "students.0.terms.0.weight",
            0,
            "students.0.terms is 0; allowed: at least one weight above 0. Give labels or the teacher a weight.",
        ),
        ("students.0.terms.0.weight", -1, "students.0.terms.0.weight is -1; allowed: a value at least 0."),
        ("students.0.name", "<b>" * 200, "students.0.name is '<b><b>"),
        ("students.1.name", "alone", "students is alone, alone, distilled, all; allowed: different names"),
        ("students", [], "students is empty; allowed: at least 1."),
        ("version", 99, "version is 99; allowed: up to 1. Update Distill Lab to open this newer spec."),
        ("seeds", [1, 1], "seeds is 1, 1; allowed: different seeds."),
        ("seeds", [], "seeds is empty; allowed: at least 1."),
        ("device", "tpu", "device is 'tpu'; allowed: auto, cpu, cuda or cuda:N."),
        ("surprise", 1, "surprise is 1; allowed: only known fields."),
        (
            "student_training.optimizer.kind",
            "adagrad",
            "student_training.optimizer is 'adagrad'; allowed: 'adamw', 'sgd'.",
        ),
        ("student_training.epochs", "many", "student_training.epochs is 'many'; allowed: an integer."),
        ("student_views", {"augmentation": None, "fixed_views": 3}, "several views need an augmentation"),
        ("teacher.architecture.name", "resnet", "teacher.architecture.name is 'resnet'; allowed: "),
        (
            "students.0.transfer",
            "all",
            "students.0.transfer is 'all'; allowed: labelled, for a student without a teacher's term.",
        ),
        ("latency.batches", [0], "latency.batches.0 is 0; allowed: a value at least 1."),
    ],
)
def test_each_mistake_is_one_sentence(spec_data: dict, path: str, value: Any, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        installed_catalogue().check(parse_spec(changed(spec_data, path, value)))
    assert len(caught.value.problems) == 1, [str(problem) for problem in caught.value.problems]
    text = str(caught.value.problems[0])
    assert sentence in text
    assert len(text) < 600


def test_all_mistakes_are_told_at_once(spec_data: dict) -> None:
    spec_data["students"][1]["terms"][1]["loss"]["params"]["temperature"] = 0
    spec_data["teacher"]["architecture"]["name"] = "resnet-9"
    with pytest.raises(SpecError) as caught:
        installed_catalogue().check(parse_spec(spec_data))
    assert len(caught.value.problems) == 2
    assert "did you mean resnet9" in str(caught.value)


def test_a_file_that_is_no_spec_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    for path in (tmp_path / "absent.json", tmp_path / "broken.json", tmp_path):
        with pytest.raises(SpecError, match=r"spec is .+; allowed: "):
            read_spec(path)
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(SpecError, match="a JSON object"):
        read_spec(tmp_path / "list.json")
