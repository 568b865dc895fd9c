"""Students that train as a stack become what each would by itself, and whoever cannot trains one by one."""

from __future__ import annotations

import copy
import itertools
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from distill_core.events import EpochEnded, Event, Noted
from distill_core.folders import Home, RunFolder
from distill_core.spec import parse_spec
from distill_core.training.assembly import student_cohort
from distill_core.training.candidate import Candidate
from distill_core.training.cohort import Cohort, Surroundings
from distill_core.training.preparation import Checked, deep_check
from distill_core.training.stack import Stack
from distill_core.training.stacked import Unstackable
from distill_core.training.stacked_network import StackedNetwork

LABELS = {"loss": {"name": "cross-entropy"}, "weight": 0.5}


class Killed(BaseException):
    """kill -9."""


def term(name: str, weight: float = 0.5, **params: Any) -> dict[str, Any]:
    return {"loss": {"name": name, "params": params}, "weight": weight}


KINDS = {
    "alone": [LABELS],
    "kd 1": [LABELS, term("kd", temperature=1.0)],
    "kd 8": [LABELS, term("kd", temperature=8.0)],
    "kd, rising": [LABELS, term("kd", temperature=3.0) | {"schedule": "warm-up", "schedule_fraction": 0.6}],
    "smoothed": [term("cross-entropy", label_smoothing=0.1)],
    "dkd": [LABELS, term("dkd", weight=0.1, temperature=2.0)],
    "layers": [LABELS, term("attention-transfer", weight=2.0)],
    "relations": [LABELS, term("relational-distance", weight=2.0), term("kd", temperature=4.0)],
}


def experiment(
    spec_data: dict[str, Any], folder: Path, kinds: dict[str, Any] = KINDS, *, optimizer: str = "sgd", **training: Any
) -> Checked:
    torch.set_num_threads(1)
    sgd = {"kind": "sgd", "learning_rate": 0.02, "momentum": 0.9}
    adamw = {"kind": "adamw", "learning_rate": 0.003}
    spec_data["students"] = [
        {"name": name, "architecture": {"name": "tiny-cnn", "params": {"width": 4}}, "terms": terms}
        for name, terms in kinds.items()
    ]
    spec_data["student_training"] |= {"optimizer": sgd if optimizer == "sgd" else adamw} | training
    return deep_check(parse_spec(spec_data), home=Home(folder))


def cohort_of(
    checked: Checked, folder: Path, *, stacks: bool, should_stop: Callable[[], bool] = lambda: False,
    checkpoint_seconds: float = float("inf"),
) -> tuple[Cohort, list[Event]]:
    told: list[Event] = []
    around = replace(
        Surroundings.silent(should_stop=should_stop), emit=told.append, checkpoint_seconds=checkpoint_seconds,
        folder_of=lambda run_id: RunFolder(folder / run_id),
    )
    teacher = checked.network(checked.spec.teacher.architecture, seed=50)
    return student_cohort(checked, checked.plan.cohorts[0].runs, teacher, around, stacks=stacks), told


def states(cohort: Cohort) -> dict[str, dict[str, Tensor]]:
    return {one.run.name: copy.deepcopy(one.model.state_dict()) for one in cohort.candidates}


def stacked_names(cohort: Cohort) -> list[set[str]]:
    assert cohort.stacking is not None
    units = cohort.stacking.units(cohort.candidates)
    return [{one.run.name for one in unit.members} for unit in units if isinstance(unit, Stack)]


# What torch.func computes student by student saves nothing.
@pytest.mark.filterwarnings("error:There is a performance drop")
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_stack_trains_as_one_by_one(spec_data: dict[str, Any], tmp_path: Path, optimizer: str) -> None:
    checked = experiment(spec_data, tmp_path, optimizer=optimizer)
    single, expected = cohort_of(checked, tmp_path / "single", stacks=False)
    single.fit()
    stacked, found = cohort_of(checked, tmp_path / "stacked", stacks=True)
    assert stacked_names(stacked) == [set(KINDS)]
    stacked.fit()
    before, after = states(single), states(stacked)
    for name, state in before.items():
        for key, value in state.items():
            torch.testing.assert_close(after[name][key], value, rtol=2e-3, atol=2e-4)
    assert [event for event in found if isinstance(event, Noted)] == []
    for one, other in zip(*(_by_run(events) for events in (expected, found)), strict=True):
        assert (one.run_id, one.epoch, one.step, one.learning_rate) == (
            other.run_id, other.epoch, other.step, other.learning_rate
        )
        for figures in ("raw_terms", "weighted_terms", "gradient_norms"):
            assert getattr(other, figures) == pytest.approx(getattr(one, figures), rel=2e-3, abs=1e-5), figures
        assert other.validation_nll == pytest.approx(one.validation_nll, rel=1e-3)
        assert other.raw_kl == pytest.approx(one.raw_kl, rel=1e-2)
    assert any(event.gradient_norms for event in _by_run(expected)), "or norms are not compared at all"


def _by_run(events: list[Event]) -> list[EpochEnded]:
    found = [event for event in events if isinstance(event, EpochEnded)]
    return sorted(found, key=lambda event: (event.run_id, event.epoch))


@pytest.mark.parametrize(("stop_after", "optimizer"), [(1, "sgd"), (6, "adamw"), (10, "sgd")])
def test_a_killed_stack_goes_on_to_the_same_numbers(
    spec_data: dict[str, Any], tmp_path: Path, stop_after: int, optimizer: str
) -> None:
    checked = experiment(spec_data, tmp_path, optimizer=optimizer)
    whole, expected = cohort_of(checked, tmp_path / "whole", stacks=True)
    whole.fit()
    steps = itertools.count()

    def killed_at() -> bool:
        if next(steps) == stop_after:
            raise Killed
        return False

    killed, first = cohort_of(
        checked, tmp_path / "killed", stacks=True, should_stop=killed_at, checkpoint_seconds=0
    )
    with pytest.raises(Killed):
        killed.fit()
    resumed, second = cohort_of(checked, tmp_path / "killed", stacks=True)
    resumed.fit()
    before, after = states(whole), states(resumed)
    for name, state in before.items():
        assert all(torch.equal(value, after[name][key]) for key, value in state.items()), name
    known = {(event.run_id, event.epoch): event for event in _by_run(expected)}
    assert {(event.run_id, event.epoch) for event in _by_run([*first, *second])} == set(known)
    assert all(known[event.run_id, event.epoch] == event for event in _by_run(second))


def test_a_stack_killed_while_it_was_saved_goes_back_to_where_all_were_together(
    spec_data: dict[str, Any], tmp_path: Path
) -> None:
    checked = experiment(spec_data, tmp_path, optimizer="adamw")
    whole, _ = cohort_of(checked, tmp_path / "whole", stacks=True)
    whole.fit()
    steps = itertools.count()

    def killed_at() -> bool:
        if next(steps) == 7:
            raise Killed
        return False

    killed, _ = cohort_of(checked, tmp_path / "killed", stacks=True, should_stop=killed_at, checkpoint_seconds=0)
    with pytest.raises(Killed):
        killed.fit()
    for run in checked.plan.cohorts[0].runs[3:]:
        # These had not been written yet.
        folder = RunFolder(tmp_path / "killed" / run.run_id)
        folder.checkpoint_before.rename(folder.checkpoint)
    resumed, _ = cohort_of(checked, tmp_path / "killed", stacks=True)
    first_steps: list[set[int]] = []
    train_step = resumed.train_step

    def watched(step: int) -> None:
        first_steps.append({one.progress.step for one in resumed.candidates})
        train_step(step)

    resumed.train_step = watched  # type: ignore[method-assign]
    resumed.fit()
    assert first_steps[0] == {6}, "the step before the last that was kept"
    before, after = states(whole), states(resumed)
    for name, state in before.items():
        assert all(torch.equal(value, after[name][key]) for key, value in state.items()), name


def test_whoever_stops_early_leaves_the_others_as_they_are(spec_data: dict[str, Any], tmp_path: Path) -> None:
    checked = experiment(spec_data, tmp_path, patience=1, epochs=6, monitor="accuracy")
    single, _ = cohort_of(checked, tmp_path / "single", stacks=False)
    single.fit()
    stacked, _ = cohort_of(checked, tmp_path / "stacked", stacks=True)
    stacked.fit()
    ends = {one.run.name: one.progress.epoch for one in stacked.candidates}
    assert len(set(ends.values())) > 1, "or nobody leaves before the others"
    assert ends == {one.run.name: one.progress.epoch for one in single.candidates}
    before, after = states(single), states(stacked)
    for name, state in before.items():
        for key, value in state.items():
            torch.testing.assert_close(after[name][key], value, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_who_leaves_a_stack_lies_in_memory_as_before(
    spec_data: dict[str, Any], tmp_path: Path, optimizer: str
) -> None:
    """Other kernels compute what lies otherwise; fused optimisers walk weights and moments side by side."""
    checked = experiment(spec_data, tmp_path, dict(itertools.islice(KINDS.items(), 4)), optimizer=optimizer)
    stacked, _ = cohort_of(checked, tmp_path / "stacked", stacks=True)
    before = [[parameter.stride() for parameter in one.parameters] for one in stacked.candidates]
    assert any(len(strides) == 4 and strides[1] == 1 for strides in before[0]), "channels last, or nothing is tested"
    stacked.train_step(0)
    assert stacked.stacking is not None and stacked_names(stacked) != []
    learnt = [[parameter.detach().clone() for parameter in one.parameters] for one in stacked.candidates]
    stacked.stacking.dissolve()
    for one, strides, values in zip(stacked.candidates, before, learnt, strict=True):
        assert [parameter.stride() for parameter in one.parameters] == strides
        assert all(torch.equal(parameter, value) for parameter, value in zip(one.parameters, values, strict=True))
        for parameter in one.parameters:
            moments = [value for value in one.optimizer.state[parameter].values() if value.shape == parameter.shape]
            assert moments and all(value.stride() == parameter.stride() for value in moments)


def test_what_a_term_learns_or_few_rivals_train_one_by_one(spec_data: dict[str, Any], tmp_path: Path) -> None:
    with_hint = dict(itertools.islice(KINDS.items(), 4)) | {"hint": [LABELS, term("hint")]}
    checked = experiment(copy.deepcopy(spec_data), tmp_path, with_hint)
    cohort, told = cohort_of(checked, tmp_path, stacks=True)
    assert stacked_names(cohort) == [set(with_hint) - {"hint"}]
    assert [event.text for event in told if isinstance(event, Noted)] == [
        "1 of 5 students with the network tiny-cnn train one by one: one of its terms learns something itself."
    ]
    few, told = cohort_of(
        experiment(spec_data, tmp_path, dict(itertools.islice(KINDS.items(), 3))), tmp_path, stacks=True
    )
    assert stacked_names(few) == [] and told == []


def test_a_network_that_fails_in_the_stack_trains_one_by_one_to_the_same_numbers(
    spec_data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = experiment(spec_data, tmp_path)
    single, _ = cohort_of(checked, tmp_path / "single", stacks=False)
    single.fit()
    call, step = StackedNetwork.__call__, Candidate.train_step
    computed: list[weakref.ref[torch.Tensor]] = []

    def half_way(self: StackedNetwork, *args: Any) -> Any:
        answers = call(self, *args)
        if self.all.training:
            computed.append(weakref.ref(answers[0]))
            raise Unstackable("a layer of a test")
        return answers

    def alone(self: Candidate, *args: Any) -> None:
        assert computed and all(known() is None for known in computed), "the stack's answers still take memory"
        step(self, *args)

    monkeypatch.setattr(StackedNetwork, "__call__", half_way)
    monkeypatch.setattr(Candidate, "train_step", alone)
    failing, told = cohort_of(checked, tmp_path / "failing", stacks=True)
    failing.fit()
    before, after = states(single), states(failing)
    assert all(torch.equal(value, after[name][key]) for name in before for key, value in before[name].items())
    assert [event.text for event in told if isinstance(event, Noted)] == [
        "Students with the network tiny-cnn train one by one: several cannot be computed at once (a layer of a test)."
    ]


def test_a_network_that_a_stack_gets_wrong_is_found_before_a_weight_changes(
    spec_data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = experiment(spec_data, tmp_path)
    call = StackedNetwork.__call__

    def wrong(self: StackedNetwork, *args: Any) -> Any:
        answers, seen = call(self, *args)
        return answers.flip(0), seen

    monkeypatch.setattr(StackedNetwork, "__call__", wrong)
    cohort, told = cohort_of(checked, tmp_path, stacks=True)
    for number, one in enumerate(cohort.candidates):
        # Rivals of a seed start alike; a mix-up of members must show all the same.
        with torch.no_grad():
            next(one.model.parameters()).add_(number)
    cohort.train_step(0)
    assert ["the answers would be others" in event.text for event in told if isinstance(event, Noted)] == [True]


def test_a_large_network_trains_one_by_one(
    spec_data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = experiment(spec_data, tmp_path)
    monkeypatch.setattr("distill_core.training.stacking.MOST_MACS", {"cpu": 1000.0})
    cohort, told = cohort_of(checked, tmp_path, stacks=True)
    assert stacked_names(cohort) == []
    assert ["keeps the processor busy by itself" in event.text for event in told if isinstance(event, Noted)] == [True]


def test_what_does_not_fit_into_memory_at_once_makes_several_stacks(
    spec_data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = experiment(spec_data, tmp_path)
    one, _ = cohort_of(checked, tmp_path, stacks=True)
    assert one.stacking is not None
    most, _ = one.stacking._most_members(one.candidates[0])
    monkeypatch.setattr("distill_core.training.stacking.MOST_BYTES", {"cpu": 2**29 * 5.5 / most})
    two, _ = cohort_of(checked, tmp_path, stacks=True)
    assert sorted(len(names) for names in stacked_names(two)) == [4, 4]
