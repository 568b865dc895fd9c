"""A student's loss: schedules, several terms, names of repeated ones, and terms that learn something themselves."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from distill_core.events import EpochEnded, Event
from distill_core.folders import Home, RunFolder
from distill_core.losses import REGISTRY
from distill_core.losses.term import StepTensors
from distill_core.spec import Choice, Term, parse_spec
from distill_core.training.assembly import student_cohort
from distill_core.training.cohort import Cohort, Surroundings
from distill_core.training.objective import NetworkTaps, Objective
from distill_core.training.preparation import Checked, deep_check

CPU = torch.device("cpu")
TAPS = NetworkTaps({"early": (4, 4, 4), "late": (8, 2, 2)}, {"early": (6, 4, 4), "late": (8, 2, 2)})


def step() -> StepTensors:
    """Logits whose mean squared distance is 4."""
    return StepTensors(torch.zeros(2, 3), torch.full((2, 3), 2.0), torch.tensor([0, 1]))


def term(name: str, weight: float = 1.0, **settings: Any) -> Term:
    return Term(loss=Choice(name=name, params=settings.pop("params", {})), weight=weight, **settings)


def hint(student: str, teacher: str, weight: float = 1.0) -> Term:
    return term("hint", weight, params={"student_tap": student, "teacher_tap": teacher})


@pytest.mark.parametrize(
    ("schedule", "fraction", "expected"),
    [
        ("constant", 0.5, {0.0: 3.0, 0.5: 3.0, 0.99: 3.0}),
        ("warm-up", 0.5, {0.0: 0.0, 0.25: 1.5, 0.5: 3.0, 0.99: 3.0}),
        ("warm-up", 1.0, {0.0: 0.0, 0.25: 0.75, 0.5: 1.5}),
        ("decay", 0.5, {0.0: 3.0, 0.5: 3.0, 0.75: 1.5, 1.0: 0.0}),
        ("decay", 1.0, {0.0: 3.0, 0.25: 2.25, 0.75: 0.75}),
        ("decay", 0.1, {0.0: 3.0, 0.9: 3.0, 0.95: 1.5}),
    ],
)
def test_a_weight_over_time(schedule: str, fraction: float, expected: dict[float, float]) -> None:
    terms = [term("mse-logits", 3.0, schedule=schedule, schedule_fraction=fraction)]
    objective = Objective(terms, REGISTRY, device=CPU)
    for progress, weight in expected.items():
        assert objective(step(), progress=progress).item() == pytest.approx(weight * 4.0, abs=1e-6)
        plain, weighted = objective.take_means()
        assert plain["mse-logits"] == pytest.approx(4.0)
        assert weighted["mse-logits"] == pytest.approx(weight * 4.0, abs=1e-6)


def test_the_figures_of_an_epoch_are_means_over_its_steps_with_the_weights_of_each() -> None:
    objective = Objective(
        [term("mse-logits", 2.0, schedule="warm-up", schedule_fraction=1.0), term("cross-entropy", 0.5)],
        REGISTRY, device=CPU,
    )
    for progress in (0.0, 0.5):
        objective(step(), progress=progress)
    raw, weighted = objective.take_means()
    entropy = torch.log(torch.tensor(3.0)).item()
    assert raw == {"mse-logits": pytest.approx(4.0), "cross-entropy": pytest.approx(entropy)}
    assert weighted["mse-logits"] == pytest.approx((0.0 + 1.0) / 2 * 4.0)
    assert weighted["cross-entropy"] == pytest.approx(0.5 * entropy)
    assert objective.take_means() == ({"mse-logits": 0.0, "cross-entropy": 0.0},) * 2, "a fresh start"


def test_the_total_is_the_weighted_sum_and_terms_of_weight_0_are_not_computed() -> None:
    terms = [term("cross-entropy", 0.5), term("kd", 0.0), term("mse-logits", 2.0)]
    objective = Objective(terms, REGISTRY, device=CPU)
    assert objective.names == ["cross-entropy", "mse-logits"]
    total = objective(step()).item()
    _, weighted = objective.take_means()
    assert total == pytest.approx(sum(weighted.values()))
    # Without a teacher kd would raise; at weight 0 it is not asked.
    alone = Objective([term("cross-entropy"), term("kd", 0.0)], REGISTRY, device=CPU)
    assert alone(StepTensors(torch.zeros(2, 3), None, torch.tensor([0, 1]))).item() > 0


def test_one_loss_on_several_layers_gets_several_names_and_reads_each_its_own() -> None:
    objective = Objective(
        [hint("late", "late"), term("cross-entropy"), hint("early", "early", 2.0)], REGISTRY, device=CPU, taps=TAPS
    )
    assert objective.names == ["hint", "cross-entropy", "hint 2"]
    assert objective.student_taps == objective.teacher_taps == ("late", "early")
    student = {"late": torch.zeros(2, 8, 2, 2), "early": torch.zeros(2, 4, 4, 4)}
    teacher = {"late": torch.full((2, 8, 2, 2), 3.0), "early": torch.zeros(2, 6, 4, 4)}
    objective(step(), student_taps=student, teacher_taps=teacher)
    raw, weighted = objective.take_means()
    assert raw["hint"] == pytest.approx(9.0), "no regressor where shapes are the same"
    assert raw["hint 2"] != pytest.approx(9.0)
    assert weighted["hint 2"] == pytest.approx(2 * raw["hint 2"])


def test_what_a_term_learns_belongs_to_the_objective() -> None:
    same = Objective([hint("late", "late")], REGISTRY, device=CPU, taps=TAPS)
    assert not list(same.modules.parameters())
    regressed = Objective([hint("early", "early")], REGISTRY, device=CPU, taps=TAPS)
    assert {tuple(weights.shape) for weights in regressed.modules.parameters()} == {(6, 4, 1, 1), (6,)}


@pytest.mark.parametrize(
    ("terms", "taps", "says"),
    [
        ([hint("nowhere", "late")], TAPS, "the student has no layer 'nowhere'; it has early, late"),
        ([hint("late", "nowhere")], TAPS, "the teacher has no layer 'nowhere'"),
        ([hint("late", "late")], None, "hint reads inner layers, and there is no teacher"),
        ([hint("", "")], NetworkTaps({"flat": (5,)}, {"map": (8, 2, 2)}), "choose two layers of the same kind"),
    ],
)
def test_layers_that_cannot_be_read_or_paired(terms: list[Term], taps: NetworkTaps | None, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Objective(terms, REGISTRY, device=CPU, taps=taps)


# Trained with a student ----------------------------------------------------------------------


def hinted(spec_data: dict[str, Any], home: Path) -> Checked:
    torch.set_num_threads(1)
    student = spec_data["students"][1]
    student["terms"] = [
        {"loss": {"name": "cross-entropy"}, "weight": 1.0},
        # Channels and sizes differ: the regressor is learned. The second decays, so that a resumed run must know where.
        {"loss": {"name": "hint", "params": {"student_tap": "2", "teacher_tap": "6"}}, "weight": 1.0},
        {"loss": {"name": "vid"}, "weight": 0.1, "schedule": "decay", "schedule_fraction": 0.8},
    ]
    spec_data["students"] = [student]
    return deep_check(parse_spec(spec_data), home=Home(home))


def cohort_in(checked: Checked, folder: Path, *, stop_after: int | None = None) -> tuple[Cohort, list[EpochEnded]]:
    told: list[EpochEnded] = []
    asked = iter(range(10**6))

    def emit(event: Event) -> None:
        assert isinstance(event, EpochEnded)
        told.append(event)

    around = Surroundings(
        emit=emit, should_stop=lambda: stop_after is not None and next(asked) >= stop_after, clock=lambda: 0.0,
        folder_of=lambda run_id: RunFolder(folder / run_id), on_end=lambda candidate: None,
        on_progress=lambda done, total: None,
    )
    teacher = checked.network(checked.spec.teacher.architecture, seed=50)
    runs = [run for run in checked.plan.cohorts[0].runs if run.name == "distilled"]
    return student_cohort(checked, runs, teacher, around), told


def learned(cohort: Cohort) -> dict[str, Tensor]:
    return copy.deepcopy(cohort.candidates[0].objective.modules.state_dict())


def test_a_regressor_is_trained_and_kept_in_the_checkpoint(spec_data: dict[str, Any], tmp_path: Path) -> None:
    checked = hinted(spec_data, tmp_path)
    cohort, _ = cohort_in(checked, tmp_path / "runs", stop_after=4)
    before = learned(cohort)
    assert len(before) >= 4, "the hint's and VID's"
    cohort.fit()
    after = learned(cohort)
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert changed == list(before)
    run = cohort.candidates[0].run
    kept = load_file(RunFolder(tmp_path / "runs" / run.run_id).checkpoint)
    for name, value in after.items():
        assert torch.equal(kept[f"terms.{name}"], value)


def test_the_regressor_starts_the_same_for_the_same_seed(spec_data: dict[str, Any], tmp_path: Path) -> None:
    checked = hinted(spec_data, tmp_path)
    first = learned(cohort_in(checked, tmp_path / "one")[0])
    torch.manual_seed(12345)
    second = learned(cohort_in(checked, tmp_path / "two")[0])
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("stop_after", [1, 8])
def test_a_run_with_hints_resumes_bit_identically(spec_data: dict[str, Any], tmp_path: Path, stop_after: int) -> None:
    checked = hinted(spec_data, tmp_path)
    whole, expected = cohort_in(checked, tmp_path / "whole")
    whole.fit()
    parts, first = cohort_in(checked, tmp_path / "parts", stop_after=stop_after)
    parts.fit()
    assert parts.candidates[0].progress.step == stop_after
    resumed, second = cohort_in(checked, tmp_path / "parts")
    resumed.fit()
    states = [cohort.candidates[0].model.state_dict() | learned(cohort) for cohort in (whole, resumed)]
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    figures = [(event.epoch, event.raw_terms, event.weighted_terms) for event in (*first, *second)]
    assert figures == [(event.epoch, event.raw_terms, event.weighted_terms) for event in expected]
    assert set(expected[0].raw_terms) == {"cross-entropy", "hint", "vid"}
