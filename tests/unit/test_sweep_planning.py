"""Which trials a sweep makes: refused in one sentence, counted, named, merged, numbered on."""

from __future__ import annotations

from typing import Any

import pytest

from distill_core.catalog import Catalogue
from distill_core.errors import SpecError
from distill_core.sweep_presets import load_sweep_presets
from distill_core.sweep_spec import parse_sweep
from distill_core.sweeps import planning
from distill_core.sweeps.cells import cell_name, distinct, network_key
from distill_core.sweeps.extending import extended
from tests.sweep_samples import optuna_data, sweep_data, sweep_spec


def axis(field: str, *values: Any, **more: Any) -> dict[str, Any]:
    return {"field": field, "values": list(values), **more} if values else {"field": field, **more}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"axes": []}, "axes is empty; allowed: at least 1"),
        ({"axes": [axis("temperature", 1, 1.0)]}, "different values. Remove the repeated one"),
        ({"axes": [axis("temperature", 0)]}, "numbers above 0 to 1000"),
        ({"axes": [axis("temperature", "warm")]}, "allowed: numbers"),
        ({"axes": [axis("teacher_share", 0, 0.5)]}, "numbers above 0 to 1. Correct"),
        ({"axes": [axis("epochs", 2.5)]}, "whole numbers of epochs"),
        ({"axes": [axis("start", "zero")]}, "random or teacher"),
        ({"axes": [axis("temperature", low=4, high=1)]}, "low below high"),
        ({"axes": [axis("labels_weight", low=0, high=1, log=True)]}, "low above 0 where the range"),
        ({"axes": [axis("student", low=1, high=2)]}, "listed values, for these are no numbers"),
        ({"axes": [axis("temperature", 1, low=1, high=2)]}, "either listed values, or low and high"),
        ({"axes": [axis("temperature", 1), axis("temperature", 2)]}, "each axis once"),
        ({"axes": [axis("teacher_share", 1), axis("labels_weight", 2)]}, "either the share of the teacher, or weights"),
        ({"axes": [axis("colour", 1)]}, "axes.0.field is 'colour'; allowed: 'temperature'"),
        ({"objectives": ["size"]}, "accuracy among the objectives"),
        ({"axes": [axis("temperature", low=1, high=2)]}, "axes.0 is '1 to 2'; allowed: listed values, for a grid"),
        ({"axes": [axis("student", "tiny-cnn", "tinycnn")]}, "axes.0.values.1 is 'tinycnn'; allowed:"),
        ({"axes": [axis("term", "kd", "cross-entropi")]}, "axes.0.values.1 is 'cross-entropi'"),
        ({"axes": [axis("student", {"name": "tiny-cnn", "params": {"width": 0}})]}, "axes.0.values.0"),
        ({"axes": [axis("student", "lstm")]}, "axes.0.values.0 is 'lstm'"),
        ({"axes": [axis("temperature", 1, 4), axis("term", "mse-logits")]}, "a loss that has a temperature"),
        ({"base": {"seeds": [3]}, "method": {"kind": "optuna", "pruner": "median"}}, "none with one seed"),
        ({"base": {"seeds": [1, 1]}}, "base.seeds is 1, 1; allowed: different seeds"),
        (
            {"axes": [axis("temperature", *range(1, 81)), axis("labels_weight", *range(1, 81))]},
            "axes is 6400; allowed: at most 4,096 combinations",
        ),
        ({"version": 2}, "Update Distill Lab"),
    ],
)
def test_what_no_sweep_can_be_is_refused_in_a_sentence(
    catalogue: Catalogue, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SpecError) as caught:
        planning.complete(parse_sweep(sweep_data(**changes)), catalogue)
    assert sentence in caught.value.sentence


def test_the_base_has_one_student_who_learns_from_the_teacher_and_no_compression(catalogue: Catalogue) -> None:
    base = sweep_data()["base"]
    (student,) = base["students"]
    for changed, sentence in (
        ({"students": [student, student | {"name": "other"}]}, "one student"),
        ({"compression": {"sensitivity": True}}, "no compression in a sweep"),
        ({"students": [student | {"terms": student["terms"][:1]}]}, "a term that reads the teacher"),
        ({"data": {"dataset": {"name": "digitz"}}}, "base.data.dataset.name is 'digitz'"),
    ):
        with pytest.raises(SpecError, match=sentence):
            planning.complete(sweep_spec(base=changed), catalogue)


def test_a_grid_has_every_combination_as_a_variant_of_one_experiment(catalogue: Catalogue) -> None:
    plan = planning.plan(planning.complete(sweep_spec(), catalogue), catalogue)
    assert [cell.name for cell in plan.cells] == [
        "T=1, teacher 0.5", "T=1, teacher 1", "T=4, teacher 0.5", "T=4, teacher 1"
    ]
    # Four variants and the student alone on two seeds, and the teacher.
    assert (plan.trials, plan.experiments, plan.runs, plan.notes) == (4, 1, 11, ())


def test_shares_weights_terms_and_starts_reach_the_student(catalogue: Catalogue) -> None:
    axes = [
        axis("teacher_weight", 2), axis("labels_weight", 0, 0.3), axis("term", "kd", "soft-cross-entropy"),
        axis("start", "random"), axis("student", {"name": "tiny-cnn", "params": {"width": 4}}), axis("temperature", 8),
    ]
    spec = planning.complete(sweep_spec(axes=axes), catalogue)
    made = planning.new_trials(spec, (), catalogue, {}).trials
    students = [planning.variant(spec, trial, catalogue) for trial in made]
    told = [
        [(term.loss.name, term.weight, term.loss.params.get("temperature")) for term in one.terms] for one in students
    ]
    kd, soft, labels = ("kd", 2.0, 8.0), ("soft-cross-entropy", 2.0, 8.0), ("cross-entropy", 0.3, None)
    assert told == [[kd], [soft], [labels, kd], [labels, soft]]
    assert {one.architecture.params["width"] for one in students} == {4}
    share = planning.complete(sweep_spec(axes=[axis("teacher_share", 0.9)]), catalogue)
    (trial,) = planning.new_trials(share, (), catalogue, {}).trials
    assert [term.weight for term in planning.variant(share, trial, catalogue).terms] == [0.1, 0.9]


def test_labels_are_added_to_a_student_who_had_none(catalogue: Catalogue) -> None:
    student = sweep_data()["base"]["students"][0]
    base = {"students": [student | {"terms": student["terms"][1:]}]}
    spec = planning.complete(sweep_spec(base=base, axes=[axis("teacher_share", 0.75)]), catalogue)
    (trial,) = planning.new_trials(spec, (), catalogue, {}).trials
    assert [(term.loss.name, term.weight) for term in planning.variant(spec, trial, catalogue).terms] == [
        ("cross-entropy", 0.25), ("kd", 0.75)
    ]


def test_combinations_that_come_to_the_same_are_made_once(catalogue: Catalogue) -> None:
    axes = [axis("temperature", 1, 4), axis("term", "kd", "mse-logits")]
    plan = planning.plan(planning.complete(sweep_spec(axes=axes), catalogue), catalogue)
    assert [cell.name for cell in plan.cells] == ["T=1, kd", "T=1, mse-logits", "T=4, kd"]
    assert plan.cells[1].twins == ({"temperature": 4, "term": "mse-logits"},)
    assert plan.notes == ("One combination comes to the same as another and is made once.",)


def test_budgets_and_many_cells_become_several_experiments(catalogue: Catalogue) -> None:
    axes = [axis("epochs", 2, 3), axis("temperature", *range(1, 71))]
    plan = planning.plan(planning.complete(sweep_spec(axes=axes), catalogue), catalogue)
    assert (plan.trials, plan.experiments) == (140, 4)
    groups = planning.groups_of(planning.new_trials(plan.spec, (), catalogue, {}).trials)
    assert [(len(group), {trial.epochs for trial in group}) for group in groups] == [
        (64, {2}), (6, {2}), (64, {3}), (6, {3})
    ]


def test_cells_that_break_a_limit_are_refused_before_training(catalogue: Catalogue) -> None:
    widths = [{"name": "tiny-cnn", "params": {"width": width}} for width in (4, 8)]
    spec = planning.complete(
        sweep_spec(axes=[axis("student", *widths)], limits={"parameters": 1000, "size_bytes": 9000}), catalogue
    )
    trials = planning.new_trials(spec, (), catalogue, {}).trials
    key = network_key(planning.variant(spec, trials[1], catalogue).architecture)
    plan = planning.plan(spec, catalogue, {key: {"parameters": 1898, "size_bytes": 9700}})
    assert [cell.refused for cell in plan.cells] == [
        "", "It has 1,898 parameters; allowed: at most 1,000. Its ONNX file has 9,700 bytes; allowed: at most 9,000."
    ]
    # One trial and its student alone, on two seeds, and the teacher.
    assert plan.runs == 5


def test_random_trials_are_the_same_for_the_same_seed_and_go_on_when_there_are_more(catalogue: Catalogue) -> None:
    def made(trials: int, seed: int) -> list[dict[str, Any]]:
        axes = [axis("temperature", low=1, high=16, log=True), axis("epochs", low=2, high=5)]
        method = {"kind": "random", "trials": trials, "seed": seed}
        spec = planning.complete(sweep_spec(axes=axes, method=method), catalogue)
        return [dict(trial.values) for trial in planning.new_trials(spec, (), catalogue, {}).trials]

    assert made(6, 1) == made(9, 1)[:6] != made(6, 2)
    assert all(1 <= one["temperature"] <= 16 and 2 <= one["epochs"] <= 5 for one in made(9, 1))


def test_a_small_space_drawn_at_random_ends_with_all_of_it(catalogue: Catalogue) -> None:
    spec = planning.complete(sweep_spec(method={"kind": "random", "trials": 30}), catalogue)
    plan = planning.plan(spec, catalogue)
    assert plan.trials == 4 and plan.notes == ("There are only 4 different combinations, and all of them are made.",)
    optuna = planning.complete(sweep_spec(method={"kind": "optuna", "trials": 30}), catalogue)
    assert planning.plan(optuna, catalogue).trials == 4


def test_more_values_become_further_trials_and_those_known_keep_their_numbers(catalogue: Catalogue) -> None:
    spec = planning.complete(sweep_spec(), catalogue)
    known = planning.new_trials(spec, (), catalogue, {}).trials
    more = planning.complete(extended(spec, {"temperature": [8]}, seeds=[2]), catalogue)
    made = planning.new_trials(more, known, catalogue, {}).trials
    assert [(one.number, one.name, one.batch) for one in made] == [(4, "T=8, teacher 0.5", 1), (5, "T=8, teacher 1", 1)]
    assert more.base.seeds == (0, 1, 2)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"values": {"start": ["random"]}}, "values is 'start'; allowed: temperature, teacher_share"),
        ({"values": {"temperature": [4]}}, "different values"),
        ({"values": {}, "trials": 3}, "none, for a grid"), ({"values": {}}, "allowed: values, trials or seeds"),
        ({"values": {}, "seeds": [1]}, "different seeds"),
    ],
)
def test_nonsense_extends_nothing(catalogue: Catalogue, more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        extended(sweep_spec(), more.pop("values"), **more)


def test_long_names_are_cut_and_stay_different() -> None:
    params = {f"parameter{number}": number for number in range(9)}
    name = cell_name({"student": {"name": "net", "params": params}, "temperature": 4})
    assert len(name) == 80 and name.endswith("…")
    assert distinct(name, {name}).endswith(" (2)") and len(distinct(name, {name})) == 80
    assert distinct("a", {"a", "a (2)"}) == "a (3)"


@pytest.mark.parametrize("preset", load_sweep_presets(), ids=lambda preset: preset.name)
def test_presets_are_whole_and_can_be_planned(catalogue: Catalogue, preset: Any) -> None:
    plan = planning.plan(planning.complete(preset.spec, catalogue), catalogue)
    assert plan.trials and preset.title and preset.summary and preset.spec.shows


def test_the_map_is_five_by_five_on_five_seeds(catalogue: Catalogue) -> None:
    preset = load_sweep_presets()[0]
    assert preset.name == "digits-temperature-map"
    plan = planning.plan(planning.complete(preset.spec, catalogue), catalogue)
    # 25 variants and the student alone, on five seeds, and the teacher.
    assert (plan.trials, plan.experiments, plan.runs) == (25, 1, 131)


def test_an_optuna_plan_tells_the_most_there_can_be(catalogue: Catalogue) -> None:
    spec = planning.complete(parse_sweep(optuna_data(method={"pruner": "median"})), catalogue)
    plan = planning.plan(spec, catalogue)
    # Three batches, each looked at after one seed and after both.
    assert (plan.cells, plan.trials, plan.experiments) == ((), 12, 6)
    assert plan.runs == (12 + 4) * 2 + 1


def test_of_more_values_than_fit_one_experiment_it_asks_about_every_network(catalogue: Catalogue) -> None:
    widths = [{"name": "tiny-cnn", "params": {"width": width}} for width in (2, 4, 8, 16)]
    axes = [axis("temperature", *range(1, 70)), axis("student", *widths)]
    asked = planning.probe(planning.complete(sweep_spec(axes=axes, method={"kind": "grid"}), catalogue), catalogue)
    assert {student.architecture.params["width"] for student in asked.students} >= {2, 4, 8, 16}
