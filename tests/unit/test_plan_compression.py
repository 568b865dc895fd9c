"""Which compressed runs a spec makes, how they are named, and what of a chain does not fit."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from distill_core.errors import SpecError
from distill_core.fitting import low_bit_warnings
from distill_core.plan import code_of, make_plan
from distill_core.planned import Origin, Plan
from distill_core.spec import parse_spec
from distill_core.training.preparation import installed_catalogue

CATALOGUE = installed_catalogue()
PRUNE = {"name": "magnitude-pruning", "params": {"sparsity": 0.5}}
TUNE = {"name": "fine-tuning", "params": {"epochs": 2}}
INT8 = {"name": "dynamic-int8", "params": {}}
HALF = {"name": "float16", "params": {}}
ROUND = {"name": "weight-rounding", "params": {"bits": 3}}


def plan_of(data: dict[str, Any], *chains: dict[str, Any]) -> Plan:
    spec = CATALOGUE.check(parse_spec(data | {"compression": {"chains": list(chains)}}))
    origin = Origin(torch="2.15", device_kind="cpu", fingerprint="f", code=code_of(spec, CATALOGUE))
    return make_plan(spec, CATALOGUE, origin=origin)


def chain(*steps: dict[str, Any], of: str = "distilled", **more: Any) -> dict[str, Any]:
    return {"of": of, "steps": list(steps), **more}


def names(plan: Plan) -> list[tuple[str, int]]:
    return [(run.name, run.seed) for run in plan.compressed]


def test_common_beginnings_are_made_once_and_parents_come_first(spec_data: dict) -> None:
    plan = plan_of(spec_data, chain(PRUNE, TUNE, INT8), chain(PRUNE, TUNE, HALF), chain(PRUNE, INT8, seeds="first"))
    assert [name for name, seed in names(plan) if seed == 0] == [
        "distilled › 50% zeros", "distilled › 50% zeros › fine-tuned (teacher)",
        "distilled › 50% zeros › fine-tuned (teacher) › int8 dynamic",
        "distilled › 50% zeros › fine-tuned (teacher) › float16", "distilled › 50% zeros › int8 dynamic",
    ]
    assert len([1 for _, seed in names(plan) if seed == 1]) == 4, "of all seeds, unless the chain says first"
    known = {run.run_id for run in plan.trained}
    for run in plan.compressed:
        assert run.compression is not None and run.compression.parent in known
        known.add(run.run_id)
    assert len(known) == len(plan.runs)


def test_a_chain_of_the_teacher_and_a_series(spec_data: dict) -> None:
    series = {"name": "iterative-pruning", "params": {"rounds": 2, "sparsity": 0.8, "epochs": 1}}
    plan = plan_of(spec_data, chain(series, of="teacher"))
    assert [run.name for run in plan.compressed] == [
        "teacher › 70% zeros", "teacher › 70% zeros › fine-tuned (teacher)",
        "teacher › 70% zeros › fine-tuned (teacher) › 80% zeros",
        "teacher › 70% zeros › fine-tuned (teacher) › 80% zeros › fine-tuned (teacher)",
    ]
    assert [run.compression.strength for run in plan.compressed if run.compression][::2] == [0.7, 0.8]
    assert [len(run.compression.earlier) for run in plan.compressed if run.compression] == [0, 1, 2, 3]


def test_trained_runs_keep_their_names_and_compressed_ones_tell_steps_apart(spec_data: dict) -> None:
    plain, with_chain = plan_of(spec_data), plan_of(spec_data, chain(PRUNE, TUNE))
    assert [run.run_id for run in with_chain.trained] == [run.run_id for run in plain.runs]
    other = {"name": "fine-tuning", "params": {"epochs": 3}}
    first, second = with_chain.compressed[:2]
    changed = plan_of(spec_data, chain(PRUNE, other)).compressed[:2]
    assert changed[0].run_id == first.run_id and changed[1].run_id != second.run_id
    views = copy.deepcopy(spec_data)
    views["seeds"] = [1, 0]
    again = {run.run_id for run in plan_of(views, chain(PRUNE, TUNE)).compressed}
    assert again == {run.run_id for run in with_chain.compressed}, "the order of seeds names nothing"


def test_chains_that_differ_in_a_setting_alone_differ_in_name(spec_data: dict) -> None:
    def static(**params: Any) -> dict[str, Any]:
        return {"name": "static-int8", "params": params}

    cut = {"name": "structured-pruning", "params": {"ratio": 0.25}}
    one = {"name": "structured-pruning", "params": {"ratio": 0.25, "layers": ["conv1"], "scope": "global"}}
    patient = {"name": "fine-tuning", "params": {"epochs": 3, "patience": 2}}
    plan = plan_of(
        spec_data, chain(PRUNE, TUNE), chain(PRUNE, patient), chain(static()), chain(static(method="entropy")),
        chain(cut, static()), chain(one), chain(INT8),
    )
    found = names(plan)
    assert len(set(found)) == len(found), "what shares name and seed is taken for one run of a variant"
    assert {name.rpartition(" › ")[2] for name, _ in found} == {
        "50% zeros", "fine-tuned (teacher), epochs 2, patience none", "fine-tuned (teacher), epochs 3, patience 2",
        "int8 static, method min-max", "int8 static, method entropy", "int8 static", "25% cut, scope layer, layers all",
        "25% cut, scope global, layers conv1", "int8 dynamic",
    }
    seeds: dict[str, set[int]] = {}
    for name, seed in found:
        seeds.setdefault(name, set()).add(seed)
    assert set(map(frozenset, seeds.values())) == {frozenset({0, 1})}, "seeds of one variant share its name"


def test_shares_that_look_alike_are_told_apart(spec_data: dict) -> None:
    near = {"name": "magnitude-pruning", "params": {"sparsity": 0.504}}
    assert {name for name, _ in names(plan_of(spec_data, chain(PRUNE), chain(near)))} == {
        "distilled › 50% zeros, sparsity 0.5", "distilled › 50% zeros, sparsity 0.504",
    }


@pytest.mark.parametrize("sparsity", [0.99999, 0.00001])
def test_rounds_of_extreme_shares_stay_between_nothing_and_everything(spec_data: dict, sparsity: float) -> None:
    series = {"name": "iterative-pruning", "params": {"rounds": 2, "sparsity": sparsity}}
    last = plan_of(spec_data, chain(series)).compressed[2]
    assert last.compression is not None and last.compression.strength == sparsity


def test_only_fine_tuning_with_the_teacher_depends_on_it(spec_data: dict) -> None:
    tuned = plan_of(spec_data, chain(PRUNE, TUNE)).compressed[1]
    assert tuned.needs_teacher and [term.loss.name for term in tuned.terms] == ["cross-entropy", "kd"]
    alone = {"name": "fine-tuning", "params": {"learn_from": "labels"}}
    plain = plan_of(spec_data, chain(PRUNE, alone)).compressed[1]
    assert not plain.needs_teacher and [term.loss.name for term in plain.terms] == ["cross-entropy"]


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        ([INT8, TUNE], r"chains\.0\.steps\.0 is 'Quantization to int8, dynamic'; allowed: the last step of a chain"),
        ([HALF, INT8], r"is '16-bit floats'; allowed: the last step of a chain"),
        ([{"name": "magnitude-pruning", "params": {"sparsity": 1}}], r"sparsity is 1; allowed: a value .*below 1"),
        ([{"name": "structured-pruning", "params": {"ratio": 1.0}}], r"ratio is 1\.0; allowed: a value .*below 1"),
        ([{"name": "weight-rounding", "params": {"bits": 1}}], r"bits is 1; allowed: .*2"),
        ([{"name": "prune", "params": {}}], "There is no compression step named 'prune'|allowed: "),
    ],
)
def test_impossible_chains_are_told(spec_data: dict, steps: list, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        plan_of(spec_data, chain(*steps))


def test_high_temperatures_meet_few_bits(spec_data: dict) -> None:
    def warnings(*steps: dict[str, Any]) -> list[str]:
        data = spec_data | {"compression": {"chains": [chain(*steps)]}}
        return low_bit_warnings(CATALOGUE.check(parse_spec(data)), CATALOGUE)

    (warning,) = warnings(ROUND, {"name": "fine-tuning", "params": {"temperature": 4.0}})
    assert warning.startswith("“distilled” is trained further with few bits a weight and T = 4: above T = 2")
    assert not warnings(ROUND, {"name": "fine-tuning", "params": {"temperature": 2.0}})
    assert not warnings(ROUND, {"name": "fine-tuning", "params": {"temperature": 4.0, "learn_from": "labels"}})
    assert not warnings({"name": "fine-tuning", "params": {"temperature": 4.0}}, ROUND)
    assert not warnings(PRUNE, {"name": "fine-tuning", "params": {"temperature": 4.0}})
