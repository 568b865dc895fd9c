"""Several teachers as one, and what names the runs of an experiment: causes rename them, labels do not."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from distill_core.plan import baseline_of, code_of, is_plain_baseline, make_plan, with_baselines
from distill_core.planned import TRAINING_VERSION, Origin, Plan
from distill_core.presets import find_preset
from distill_core.spec import ExperimentSpec, Student, parse_spec
from distill_core.training.preparation import installed_catalogue
from distill_core.training.teachers import MeanOfTeachers, as_one, first_of

CATALOGUE = installed_catalogue()


def linear(weight: float) -> nn.Module:
    layer = nn.Linear(1, 2, bias=False)
    nn.init.constant_(layer.weight, weight)
    return layer


def test_several_teachers_answer_with_the_weighted_mean_of_their_logits() -> None:
    first, second = linear(1.0), linear(5.0)
    one = as_one([first, second], [3.0, 1.0])
    inputs = torch.tensor([[1.0], [2.0]])
    torch.testing.assert_close(one(inputs), torch.tensor([[2.0, 2.0], [4.0, 4.0]]))
    torch.testing.assert_close(as_one([first, second], [1.0, 1.0])(inputs)[0], torch.tensor([3.0, 3.0]))
    assert first_of(one) is first, "whose layers and weights terms read"
    one.eval().requires_grad_(False)
    assert not second.training and not second.weight.requires_grad


def test_one_teacher_is_itself_whatever_its_weight() -> None:
    only = linear(2.0)
    assert as_one([only], [7.0]) is only and first_of(only) is only
    assert isinstance(as_one([only, only], [1, 1]), MeanOfTeachers)


# What names the runs -------------------------------------------------------------------------


def planned(data: dict[str, Any], **origin: Any) -> Plan:
    spec = CATALOGUE.check(parse_spec(data))
    settings: dict[str, Any] = {
        "training_version": TRAINING_VERSION, "torch": "2.0", "device_kind": "cpu", "fingerprint": "fixed",
        "code": dict.fromkeys(code_of(spec, CATALOGUE), "0" * 16),
    }
    return make_plan(spec, CATALOGUE, origin=Origin(**settings | origin))


def test_runs_of_several_processes_are_runs_of_their_own(spec_data: dict[str, Any]) -> None:
    one, two = names(planned(spec_data)), names(planned(spec_data | {"processes": 2}))
    assert names(planned(spec_data | {"processes": 1})) == one
    assert one.keys() == two.keys() and not set(one.values()) & set(two.values())


def names(plan: Plan) -> dict[tuple[str, int], str]:
    return {(run.name, run.seed): run.run_id for run in plan.runs}


def renamed(before: Plan, after: Plan) -> set[str]:
    """Names of the runs of both that are not the same any more."""
    old, new = names(before), names(after)
    assert set(old) <= set(new)
    return {name for name, seed in old if old[name, seed] != new[name, seed]}


def second_teacher(data: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return data | {"more_teachers": [data["teacher"] | {"seed": 51} | changes]}


def test_runs_of_experiments_from_before_keep_their_ids() -> None:
    """Computed with the code as it was when runs had one teacher, random starts and constant weights, of version 1.

    Pinned, for a run that is renamed by mistake is trained again by everyone who has it.
    """
    data = find_preset("digits-unlabelled").spec.to_json()
    assert [run.run_id for run in planned(data, training_version=1).runs][:6] == [
        "0e5dac0123d023cc", "ce814dac844e9cc6", "dde2d4ff9c768547", "ce06a3fa01b0462e", "5d8de85911167c32",
        "6a406505c44107ed",
    ]


def test_the_tiny_experiment_keeps_its_ids_too(spec_data: dict[str, Any]) -> None:
    assert [run.run_id for run in planned(spec_data, training_version=1).runs] == [
        "c9f796f9616575b5", "7858fb7d67ba6321", "eabf5f2cd919d615", "6d54114fa5e2d403", "343ab16c937c6a0c",
        "edcf345e0fd712da", "6817d27fcf1c040d",
    ]


def test_what_was_trained_before_the_last_digits_changed_is_another_run(spec_data: dict[str, Any]) -> None:
    before, now = planned(spec_data, training_version=1), planned(spec_data)
    assert TRAINING_VERSION == 2 and not set(names(before).values()) & set(names(now).values())


def test_a_second_teacher_renames_the_students_alone(spec_data: dict[str, Any]) -> None:
    one, two = planned(spec_data), planned(second_teacher(spec_data))
    assert renamed(one, two) == {"distilled", "distilled, all"}
    assert [run.name for run in two.teachers] == ["teacher", "teacher 2"]
    assert two.teachers[0].run_id == one.teacher.run_id != two.teachers[1].run_id
    assert two.runs[:2] == two.teachers


def test_a_teachers_weight_renames_the_students_alone(spec_data: dict[str, Any]) -> None:
    even, uneven = planned(second_teacher(spec_data)), planned(second_teacher(spec_data, weight=3.0))
    assert renamed(even, uneven) == {"distilled", "distilled, all"}
    alone, heavy = spec_data, spec_data | {"teacher": spec_data["teacher"] | {"weight": 3.0}}
    assert not renamed(planned(alone), planned(heavy)), "of one teacher its weight is no cause"


def student_change(data: dict[str, Any], number: int, **changes: Any) -> dict[str, Any]:
    changed = copy.deepcopy(data)
    changed["students"][number] |= changes
    return changed


DECAY = {"schedule": "decay", "schedule_fraction": 0.5}


@pytest.mark.parametrize(
    "changes",
    [
        {"generator": {"name": "masking"}},
        {"generator": {"name": "masking", "params": {"share": 0.5}}},
        {"coreset": {"size": 50, "rule": "random"}},
        {"coreset": {"size": 50, "rule": "herding"}},
        {"terms": [{"loss": {"name": "kd"}, "weight": 1.0, **DECAY}]},
        {"start": "teacher"},
        {"weights": "0123456789abcdef"},
    ],
)
def test_what_a_student_learns_from_renames_it_alone(spec_data: dict[str, Any], changes: dict[str, Any]) -> None:
    spec_data["students"][1]["terms"] = [{"loss": {"name": "kd"}, "weight": 1.0}]
    assert renamed(planned(spec_data), planned(student_change(spec_data, 1, **changes))) == {"distilled"}


def test_what_is_no_cause_renames_nothing(spec_data: dict[str, Any]) -> None:
    before = planned(spec_data)
    assert not renamed(before, planned(student_change(spec_data, 1, generated_share=0.9))), "without a generator"
    terms = copy.deepcopy(spec_data["students"][1]["terms"])
    terms[0]["schedule_fraction"] = 0.9
    assert not renamed(before, planned(student_change(spec_data, 1, terms=terms))), "of a constant weight"
    later = planned(student_change(spec_data, 1, name="another name"))
    assert {run.run_id for run in later.runs} == {run.run_id for run in before.runs}


def test_a_share_of_variants_is_a_cause_where_there_are_variants(spec_data: dict[str, Any]) -> None:
    made = student_change(spec_data, 1, generator={"name": "masking"})
    assert renamed(planned(made), planned(student_change(made, 1, generated_share=0.9))) == {"distilled"}


def test_the_budget_of_a_teacher_that_is_not_trained_is_no_cause(spec_data: dict[str, Any]) -> None:
    ready = spec_data | {"teacher": spec_data["teacher"] | {"weights": "0" * 16, "train": False}}
    longer = copy.deepcopy(ready)
    longer["teacher"]["training"]["epochs"] = 7
    assert not renamed(planned(ready), planned(longer))
    other = copy.deepcopy(ready)
    other["teacher"]["weights"] = "1" * 16
    assert renamed(planned(ready), planned(other)) == {"teacher", "distilled", "distilled, all"}
    trained = ready | {"teacher": ready["teacher"] | {"train": True}}
    assert "teacher" in renamed(planned(ready), planned(trained))


@pytest.mark.parametrize(
    ("changes", "depends"),
    [
        ({"coreset": {"size": 50, "rule": "random"}}, False),
        ({"coreset": {"size": 50, "rule": "herding"}}, True),
        ({"start": "teacher"}, True),
        ({}, False),
    ],
)
def test_a_student_alone_depends_on_the_teacher_where_it_chooses_or_starts(
    spec_data: dict[str, Any], changes: dict[str, Any], depends: bool
) -> None:
    spec_data = student_change(spec_data, 0, **changes)
    other = copy.deepcopy(spec_data)
    other["teacher"]["seed"] = 99
    before, after = names(planned(spec_data)), names(planned(other))
    assert (before["alone", 0] != after["alone", 0]) == depends


def test_a_mended_generator_renames_whom_it_concerns(spec_data: dict[str, Any]) -> None:
    made = student_change(spec_data, 1, generator={"name": "masking"})
    spec = CATALOGUE.check(parse_spec(made))
    code = dict.fromkeys(code_of(spec, CATALOGUE), "0" * 16)
    assert "generator masking" in code
    assert renamed(planned(made), planned(made, code=code | {"generator masking": "1" * 16})) == {"distilled"}


def test_a_student_cut_from_the_teacher_depends_on_its_architecture_even_alone(spec_data: dict[str, Any]) -> None:
    cut = {"name": "truncated", "params": {"children": 3}}
    for student in spec_data["students"]:
        student["architecture"] = cut
    wider = copy.deepcopy(spec_data)
    wider["teacher"]["architecture"]["params"]["width"] = 4
    assert renamed(planned(spec_data), planned(wider)) == {"teacher", "alone", "distilled", "distilled, all"}
    longer = copy.deepcopy(spec_data)
    longer["teacher"]["training"]["epochs"] = 3
    assert "alone" not in renamed(planned(spec_data), planned(longer))


# Whom a student is judged against ------------------------------------------------------------


def rivals(data: dict[str, Any], *changes: dict[str, Any]) -> tuple[ExperimentSpec, dict[str, Student]]:
    """The students of a spec whose distilled one stands once for each of the changes, with their baselines."""
    one = copy.deepcopy(data)
    plain = one["students"][1]
    one["students"] = [
        copy.deepcopy(plain) | {"name": f"number {place}"} | change for place, change in enumerate(changes)
    ]
    spec = CATALOGUE.check(parse_spec(one))
    return spec, {student.name: student for student in with_baselines(spec, CATALOGUE)}


def judged_against(students: dict[str, Student], name: str) -> str | None:
    found = baseline_of(students[name], tuple(students.values()), CATALOGUE)
    return found.name if found else None


LABELS = {"terms": [{"loss": {"name": "cross-entropy"}, "weight": 1.0}]}
MASKED = {"generator": {"name": "masking"}}
FEW = {"coreset": {"size": 50, "rule": "random"}}


def test_each_start_has_a_baseline_of_its_own(spec_data: dict[str, Any]) -> None:
    _, students = rivals(spec_data, {}, {"start": "teacher"}, {"weights": "0" * 16})
    assert list(students) == [
        "alone", "number 0", "alone, teacher's start", "number 1", "alone, own start", "number 2",
    ]
    assert [judged_against(students, f"number {place}") for place in range(3)] == [
        "alone", "alone, teacher's start", "alone, own start",
    ]
    assert students["alone, teacher's start"].start == "teacher"
    assert students["alone, own start"].weights == "0" * 16
    assert judged_against(students, "alone") is None


def test_variants_and_coresets_are_judged_against_the_same_samples_where_a_rival_learns_them_alone(
    spec_data: dict[str, Any],
) -> None:
    _, students = rivals(spec_data, MASKED, FEW, MASKED | LABELS | {"name": "masked alone"}, FEW | {"name": "few"})
    assert judged_against(students, "number 0") == "masked alone"
    assert judged_against(students, "number 1") == "alone", "there is no such coreset alone"
    assert judged_against(students, "masked alone") == "alone"
    assert not is_plain_baseline(students["masked alone"], CATALOGUE)
    assert is_plain_baseline(students["alone"], CATALOGUE)


def test_another_share_of_variants_is_another_rival(spec_data: dict[str, Any]) -> None:
    _, students = rivals(
        spec_data, MASKED | {"generated_share": 0.9}, MASKED | LABELS | {"name": "masked alone"},
        MASKED | LABELS | {"name": "masked more", "generated_share": 0.9},
    )
    assert judged_against(students, "number 0") == "masked more"


def test_a_regression_is_learned_alone_by_squared_error() -> None:
    data = find_preset("diabetes-regression").spec.to_json()
    data["students"] = data["students"][-1:]
    assert len(data["students"][0]["terms"]) == 2, "labels and the teacher"
    spec = CATALOGUE.check(parse_spec(data))
    added = with_baselines(spec, CATALOGUE)[0]
    assert (added.name, added.terms[0].loss.name) == ("alone", "squared-error")
    assert is_plain_baseline(added, CATALOGUE)
