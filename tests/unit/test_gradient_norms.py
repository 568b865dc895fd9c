"""The gradient of each term: right to the last digit, seldom enough to cost little, without a trace in the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from distill_core.events import EpochEnded
from distill_core.folders import Home, RunFolder
from distill_core.losses import REGISTRY
from distill_core.losses.term import StepTensors
from distill_core.spec import Choice, Term, parse_spec
from distill_core.training import candidate as candidates
from distill_core.training.assembly import student_cohort
from distill_core.training.cohort import Cohort, Surroundings
from distill_core.training.gradient_norms import STEPS_BETWEEN, gradient_norms, is_measured
from distill_core.training.objective import Objective
from distill_core.training.preparation import Checked, deep_check


def measured_steps(total: int, *, steps_per_epoch: int, terms: int) -> list[int]:
    return [step for step in range(total) if is_measured(step, steps_per_epoch=steps_per_epoch, terms=terms)]


def test_every_long_epoch_is_measured_at_its_last_step() -> None:
    assert measured_steps(500, steps_per_epoch=100, terms=3) == [99, 199, 299, 399, 499]


@pytest.mark.parametrize(("steps_per_epoch", "terms"), [(1, 2), (2, 3), (25, 2), (7, 5)])
def test_short_epochs_are_measured_now_and_then(steps_per_epoch: int, terms: int) -> None:
    total = 40 * STEPS_BETWEEN * terms
    found = measured_steps(total, steps_per_epoch=steps_per_epoch, terms=terms)
    assert found[0] == steps_per_epoch - 1, "the first epoch, so that a banner need not wait"
    assert all((step + 1) % steps_per_epoch == 0 for step in found)
    assert 38 <= len(found) <= 41, "once in 32 steps a term"


def test_a_single_term_is_never_measured() -> None:
    assert not measured_steps(1000, steps_per_epoch=10, terms=1)


def test_norms_are_those_of_each_term_alone() -> None:
    torch.manual_seed(0)
    network, idle = nn.Linear(4, 3), nn.Linear(2, 2)
    inputs, labels = torch.randn(8, 4), torch.randint(3, (8,))
    network(inputs).sum().backward()
    before = network.weight.grad.clone()  # type: ignore[union-attr]

    def terms() -> list[torch.Tensor]:
        logits = network(inputs)
        return [nn.functional.cross_entropy(logits, labels), logits.square().mean(), torch.tensor(2.0), logits.mean()]

    raw, weights = terms(), (0.5, 3.0, 1.0, 0.0)
    found = gradient_norms(raw, weights, [*network.parameters(), *idle.parameters()])
    assert torch.equal(network.weight.grad, before), "nothing is added to the parameters' gradients"  # type: ignore[arg-type]
    sum(raw).backward()  # type: ignore[union-attr]
    for value, weight, again in zip(found.tolist(), weights, terms(), strict=True):
        network.zero_grad()
        if again.requires_grad:
            (weight * again).backward(retain_graph=True)
        parts = [0.0 if one.grad is None else one.grad.double().square().sum().item() for one in network.parameters()]
        assert value == pytest.approx(sum(parts) ** 0.5, rel=1e-5)
    assert found[2:].tolist() == [0.0, 0.0], "what nothing moves, and what has no weight now"


def test_an_objective_tells_its_norms_once() -> None:
    choices = [Term(loss=Choice(name="mse-logits"), weight=2.0), Term(loss=Choice(name="cross-entropy"))]
    objective = Objective(choices, REGISTRY, device=torch.device("cpu"))
    answers = nn.Parameter(torch.zeros(2, 3))
    step = StepTensors(answers, torch.full((2, 3), 2.0), torch.tensor([0, 1]))
    plain = objective(step)
    assert objective.take_norms() == {}
    assert torch.equal(objective(step, measure=[answers]), plain)
    # d/dx of 2 * mean((x-2)^2) at 0 is -8/6 everywhere: of six numbers the norm is 8/6 * sqrt(6).
    found = objective.take_norms()
    assert found["mse-logits"] == pytest.approx(8 / 6 * 6**0.5)
    assert list(found) == ["mse-logits", "cross-entropy"]
    assert objective.take_norms() == {}


# In a training -------------------------------------------------------------------------------


def check(spec_data: dict[str, Any], home: Path) -> Checked:
    torch.set_num_threads(1)
    student = spec_data["students"][1]
    student["terms"] = [
        {"loss": {"name": "cross-entropy"}, "weight": 1.0},
        {"loss": {"name": "kd"}, "weight": 1.0, "schedule": "warm-up"},
        # Its regressor is trained too, and is no parameter of the student.
        {"loss": {"name": "hint", "params": {"student_tap": "2", "teacher_tap": "6"}}, "weight": 50.0},
    ]
    return deep_check(parse_spec(spec_data), home=Home(home))


def begun(checked: Checked, *, stop_after: int | None = None, folder: Path = Path()) -> tuple[Cohort, list[EpochEnded]]:
    told: list[EpochEnded] = []
    asked = iter(range(10**6))
    around = Surroundings(
        emit=lambda event: told.append(event),  # type: ignore[arg-type]
        should_stop=lambda: stop_after is not None and next(asked) >= stop_after, clock=lambda: 0.0,
        folder_of=lambda run_id: RunFolder(folder / run_id), on_end=lambda candidate: None,
        on_progress=lambda done, total: None,
    )
    teacher = checked.network(checked.spec.teacher.architecture, seed=50)
    runs = [run for run in checked.plan.cohorts[0].runs if run.name in ("alone", "distilled")]
    return student_cohort(checked, runs, teacher, around), told


def test_measuring_leaves_no_trace_in_the_result(
    spec_data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = check(spec_data, tmp_path)
    outcomes = []
    for always in (True, False):
        monkeypatch.setattr(candidates, "is_measured", lambda step, always=always, **rest: always)
        cohort, told = begun(checked, folder=tmp_path / str(always))
        cohort.fit()
        noise = torch.rand(1)
        states = [one.model.state_dict() | one.objective.modules.state_dict() for one in cohort.candidates]
        outcomes.append((states, [one.model_copy(update={"gradient_norms": {}}) for one in told], noise))
        assert all(bool(one.gradient_norms) == always for one in told)
        torch.manual_seed(0)
    (with_it, curves, _), (without, same_curves, _) = outcomes
    assert curves == same_curves
    for first, second in zip(with_it, without, strict=True):
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_an_epoch_tells_the_norms_of_its_weighted_terms(spec_data: dict[str, Any], tmp_path: Path) -> None:
    cohort, told = begun(check(spec_data, tmp_path), folder=tmp_path)
    cohort.fit()
    name_of = {one.run.run_id: one.run.name for one in cohort.candidates}
    first = {name_of[one.run_id]: one for one in told if one.epoch == 1}
    assert first["alone"].gradient_norms == {}, "a single term has nothing to be compared with"
    norms = first["distilled"].gradient_norms
    assert list(norms) == ["cross-entropy", "kd", "hint"] == list(first["distilled"].weighted_terms)
    assert all(value > 0 for value in norms.values())


def test_norms_measured_before_a_stop_are_told_after_it(spec_data: dict[str, Any], tmp_path: Path) -> None:
    checked = check(spec_data, tmp_path)
    whole, expected = begun(checked, folder=tmp_path / "whole")
    whole.fit()
    # The last step of the first epoch is done and checkpointed, its validation is not.
    parts, _ = begun(checked, folder=tmp_path / "parts")
    for step in range(parts.steps_per_epoch):
        parts.train_step(step)
    parts._save(parts.candidates)
    resumed, told = begun(checked, folder=tmp_path / "parts")
    resumed.fit()
    assert any(one.gradient_norms for one in told)
    assert [one.gradient_norms for one in told] == [one.gradient_norms for one in expected]


def test_with_other_processes_nothing_is_measured(spec_data: dict[str, Any], tmp_path: Path) -> None:
    cohort, told = begun(check(spec_data, tmp_path), folder=tmp_path)

    class Alone:
        def __init__(self, one: candidates.Candidate) -> None:
            self.one = one

        def accumulate(self, step: int, inputs: torch.Tensor, loss_of: Any) -> None:
            with self.one._taps.reading() as seen:
                logits = self.one.model(inputs)
            loss_of(logits, seen).backward()

    for one in cohort.candidates:
        one.helped = Alone(one)  # type: ignore[assignment]
    cohort.fit()
    assert told and all(one.gradient_norms == {} for one in told)
