"""What does not fit together in a spec: each told in one sentence, with the path of its field."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from distill_core.errors import Problem, SpecError
from distill_core.presets import find_preset
from distill_core.spec import parse_spec
from distill_core.training.preparation import installed_catalogue

CATALOGUE = installed_catalogue()


def put(data: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    data = copy.deepcopy(data)
    place: Any = data
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in parents:
        place = place[part]
    place[last] = value
    return data


def problems(data: dict[str, Any]) -> list[Problem]:
    try:
        CATALOGUE.check(parse_spec(data))
    except SpecError as error:
        return list(error.problems)
    return []


def of(preset: str) -> dict[str, Any]:
    return find_preset(preset).spec.to_json()


def the_one(data: dict[str, Any]) -> str:
    (problem,) = problems(data)
    return str(problem)


@pytest.mark.parametrize("preset", ["digits", "digits-rows", "digits-tagging", "diabetes-regression", "digits-hints"])
def test_presets_fit(preset: str) -> None:
    assert not problems(of(preset))


def test_a_network_for_other_data() -> None:
    assert the_one(put(of("digits-rows"), "teacher.architecture", {"name": "small-cnn"})).startswith(
        "teacher.architecture.name is 'small-cnn'; allowed: "
    )
    told = the_one(put(of("digits-rows"), "students.0.architecture", {"name": "small-cnn"}))
    assert told.startswith("students.0.architecture.name is 'small-cnn'; allowed: ")
    assert told.endswith("Choose a network made for classification of sequence data.")
    assert "lstm" in told and "tiny-cnn" not in told


def test_a_network_for_another_task() -> None:
    told = the_one(put(of("digits-tagging"), "students.0.architecture", {"name": "mlp"}))
    assert told.endswith("Choose a network made for tagging of steps of sequence data.")


def test_a_network_for_other_data_among_more_teachers() -> None:
    data = of("digits-two-teachers")
    told = the_one(put(data, "more_teachers.0.architecture", {"name": "lstm"}))
    assert told.startswith("more_teachers.0.architecture.name is 'lstm'; allowed: ")
    allowed = told.split("allowed: ")[1].split(".")[0].split(", ")
    assert "small-cnn" in allowed and "truncated" not in allowed, "nothing is cut from itself"


def test_a_teacher_cut_from_the_teacher() -> None:
    told = the_one(put(of("digits-rows"), "teacher.architecture", {"name": "truncated"}))
    assert told.startswith("teacher.architecture.name is 'truncated'; allowed: ")
    assert told.endswith("Only a student is cut from a teacher.")
    assert "bilstm" in told and "resnet18" not in told, "only what fits these data too"


def test_a_loss_for_another_task() -> None:
    data = of("diabetes-regression")
    told = the_one(put(data, "students.0.terms.0.loss", {"name": "cross-entropy"}))
    assert told.startswith("students.0.terms.0.loss.name is 'cross-entropy'; allowed: ")
    assert "squared-error" in told
    assert told.endswith("Choose a loss made for regression of table data.")
    assert not problems(put(data, "students.0.terms.0.loss", {"name": "squared-error"}))


def test_a_generator_for_other_data() -> None:
    told = the_one(put(of("diabetes-regression"), "students.0.generator", {"name": "cutmix"}))
    assert told.startswith("students.0.generator.name is 'cutmix'; allowed: ")
    assert told.endswith("Choose a generator made for regression of table data.")


@pytest.mark.parametrize(
    ("preset", "kind", "path", "allowed"),
    [
        ("digits-rows", "crop-flip", "student_views", "none or affine, for sequence data"),
        ("digits-rows", "crop-flip", "teacher.views", "none or affine, for sequence data"),
        ("diabetes-regression", "affine", "student_views", "none, for table data"),
        ("diabetes-regression", "affine", "teacher.views", "none, for table data"),
    ],
)
def test_augmentation_that_these_data_do_not_have(preset: str, kind: str, path: str, allowed: str) -> None:
    told = the_one(put(of(preset), path, {"augmentation": {"kind": kind}, "fixed_views": 2}))
    assert told == (
        f"{path}.augmentation is '{kind}'; allowed: {allowed}. Choose none; a student's generator can make variants."
    )


def test_augmentation_of_images_and_sequences_fits() -> None:
    assert not problems(put(of("digits"), "student_views", {"augmentation": {"kind": "crop-flip"}, "fixed_views": 2}))
    assert not problems(put(of("digits-rows"), "student_views", {"augmentation": {"kind": "affine"}, "fixed_views": 2}))


def test_views_of_a_teacher_that_is_not_trained_do_not_matter() -> None:
    data = put(of("diabetes-regression"), "teacher.views", {"augmentation": {"kind": "affine"}, "fixed_views": 2})
    assert problems(data)
    data["teacher"] |= {"train": False, "weights": "0" * 16}
    assert not problems(data)


@pytest.mark.parametrize("place", ["teacher", "more_teachers.0"])
def test_a_teacher_of_random_weights_that_is_not_trained(place: str) -> None:
    data = put(of("digits-two-teachers"), f"{place}.train", False)
    assert the_one(data) == (
        f"{place}.train is False; allowed: true, without own weights. Train the teacher, or give it own weights."
    )
    assert not problems(put(data, f"{place}.weights", "0" * 16))


def test_pretrained_weights_alone_teach_nothing_here() -> None:
    """Their last layer is new, so that it fits the classes."""
    data = put(of("digits"), "teacher.architecture", {"name": "resnet18", "params": {"pretrained": True}})
    assert not problems(data)
    assert "teacher.train is False" in the_one(put(data, "teacher.train", False))


def test_samples_without_labels_for_a_student_alone() -> None:
    data = put(of("digits"), "students.0.transfer", "all")
    assert the_one(data) == (
        "students.0.transfer is 'all'; allowed: labelled, for a student without a teacher's term. Samples without "
        "labels teach nothing without a teacher: add a teacher's term or choose labelled."
    )
    data["students"][0]["terms"].append({"loss": {"name": "kd"}, "weight": 0.0})
    assert problems(data), "a term of weight 0 teaches nothing"
    data["students"][0]["terms"][1]["weight"] = 0.1
    assert not problems(data)


@pytest.mark.parametrize("preset", ["digits-tagging", "diabetes-regression"])
@pytest.mark.parametrize("rule", ["herding", "k-centre", "uncertain"])
def test_a_coreset_rule_that_needs_classes(preset: str, rule: str) -> None:
    data = put(of(preset), "students.0.coreset", {"size": 20, "rule": rule})
    assert the_one(data) == (
        f"students.0.coreset.rule is '{rule}'; allowed: random, unless the task is classification. Choose random."
    )
    assert not problems(put(data, "students.0.coreset.rule", "random"))
    assert not problems(put(of("digits"), "students.0.coreset", {"size": 20, "rule": rule}))


def test_withheld_classes_where_there_are_none() -> None:
    data = put(of("diabetes-regression"), "data.withheld_classes", ["low"])
    assert the_one(data) == (
        "data.withheld_classes is 'low'; allowed: none, for regression of table data. Remove it."
    )


def test_all_problems_are_told_at_once() -> None:
    data = of("diabetes-regression")
    data = put(data, "teacher.architecture", {"name": "lstm"})
    data = put(data, "students.0.terms.0.loss", {"name": "kd"})
    data = put(data, "students.0.coreset", {"size": 20, "rule": "herding"})
    assert [problem.field for problem in problems(data)] == [
        "teacher.architecture.name", "students.0.terms.0.loss.name", "students.0.coreset.rule",
    ]
    for problem in problems(data):
        assert str(problem).count(problem.field) == 1 and "\n" not in str(problem)


def test_what_cannot_be_completed_is_told_before_what_does_not_fit() -> None:
    data = put(of("digits"), "students.0.terms.0.loss.params", {"label_smoothing": 2})
    data = put(data, "teacher.architecture", {"name": "lstm"})
    assert [problem.field for problem in problems(data)] == ["students.0.terms.0.loss.params.label_smoothing"]
