"""What training promises: fair rivals, an untouched teacher, exact resumption, visible stopping."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from distill_core.events import EpochEnded, Event
from distill_core.folders import Home, RunFolder
from distill_core.signature import Task
from distill_core.spec import ExperimentSpec, Training, parse_spec
from distill_core.training.assembly import student_cohort, teacher_cohort
from distill_core.training.candidate import Candidate
from distill_core.training.cohort import Cohort, Surroundings
from distill_core.training.preparation import Checked, deep_check
from distill_core.training.stopping import BestEpoch


class Recorder:
    """Surroundings that keep what is told, and stop when asked to."""

    def __init__(self, folder: Path, stop: Callable[[], bool] = lambda: False, checkpoint_seconds: float = 1e9) -> None:
        self.events: list[Event] = []
        self.ended: list[Candidate] = []
        self.around = Surroundings(
            emit=self.events.append,
            should_stop=stop,
            clock=lambda: 0.0,
            folder_of=lambda run_id: RunFolder(folder / run_id),
            on_end=self.ended.append,
            on_progress=lambda done, total: None,
            checkpoint_seconds=checkpoint_seconds,
        )


@pytest.fixture
def checked(tiny_spec: ExperimentSpec, tmp_path: Path) -> Checked:
    torch.set_num_threads(1)
    return deep_check(tiny_spec, home=Home(tmp_path))


@pytest.fixture
def teacher(checked: Checked) -> nn.Module:
    return checked.network(checked.spec.teacher.architecture, seed=50)


def states(cohort: Cohort) -> dict[str, dict[str, Tensor]]:
    return {c.run.name: copy.deepcopy(c.model.state_dict()) for c in cohort.candidates}


def assert_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def train(checked: Checked, teacher: nn.Module, folder: Path, names: Iterable[str] | None = None) -> Cohort:
    runs = [run for run in checked.plan.cohorts[0].runs if names is None or run.name in names]
    cohort = student_cohort(checked, runs, teacher, Recorder(folder).around)
    cohort.fit()
    return cohort


def test_a_result_is_the_same_in_a_cohort_and_alone(checked: Checked, teacher: nn.Module, tmp_path: Path) -> None:
    together = states(train(checked, teacher, tmp_path / "together"))
    for name in together:
        alone = states(train(checked, teacher, tmp_path / name, [name]))
        for key, value in alone[name].items():
            torch.testing.assert_close(value, together[name][key], rtol=1e-5, atol=1e-6)


def test_rivals_of_a_seed_start_from_the_same_weights_and_see_the_same_batches(
    checked: Checked, teacher: nn.Module, tmp_path: Path
) -> None:
    cohort = student_cohort(checked, checked.plan.cohorts[0].runs, teacher, Recorder(tmp_path).around)
    first, second, third = cohort.candidates
    assert_same(first.model.state_dict(), second.model.state_dict())
    assert first.stream is second.stream, "one transfer set, one stream"
    assert first.stream is not third.stream
    other = student_cohort(checked, checked.plan.cohorts[1].runs, teacher, Recorder(tmp_path).around)
    weights = [next(c.candidates[0].model.parameters()) for c in (cohort, other)]
    assert not torch.equal(*weights), "another seed starts elsewhere"


def test_the_teacher_is_unchanged_and_the_students_are_in_train_mode_at_every_step(
    checked: Checked, teacher: nn.Module, tmp_path: Path
) -> None:
    before = copy.deepcopy(teacher.state_dict())
    seen: list[tuple[bool, bool]] = []
    cohort = student_cohort(checked, checked.plan.cohorts[0].runs, teacher, Recorder(tmp_path).around)
    for candidate in cohort.candidates:
        candidate.model.register_forward_hook(
            lambda model, _, output: seen.append((model.training, teacher.training)) if output.requires_grad else None
        )
    cohort.fit()
    assert len(seen) == 3 * 18
    assert all(student and not taught for student, taught in seen)
    assert_same(before, teacher.state_dict())
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_teacher_answers_are_keyed_by_sample_and_view(checked: Checked, teacher: nn.Module, tmp_path: Path) -> None:
    cohort = student_cohort(checked, checked.plan.cohorts[0].runs, teacher, Recorder(tmp_path).around)
    stream = cohort.candidates[0].stream
    calls: list[int] = []
    teacher.register_forward_hook(lambda _, inputs, output: calls.append(len(inputs[0])))
    with torch.no_grad():
        for step in (0, 3, 7, 3, 100):
            batch = stream.batch(step)
            torch.testing.assert_close(
                stream.teacher_answers(teacher, batch)[0], teacher(batch.inputs), rtol=1e-4, atol=1e-5
            )
    # 400 rows answered once, then only the direct calls of this test.
    assert calls == [400, 64, 64, 64, 64, 64]


def test_batches_are_a_pure_function_of_seed_and_step(checked: Checked, teacher: nn.Module, tmp_path: Path) -> None:
    def stream() -> object:
        return (
            student_cohort(checked, checked.plan.cohorts[0].runs, teacher, Recorder(tmp_path).around)
            .candidates[0]
            .stream
        )

    forwards, jumping = stream(), stream()
    expected = [forwards.batch(step) for step in range(14)]
    for step in (13, 0, 6, 7):
        batch = jumping.batch(step)
        assert torch.equal(batch.inputs, expected[step].inputs)
        assert torch.equal(batch.labels, expected[step].labels)
    one_pass = torch.cat([forwards.rows_of(step) for step in range(forwards.batches_per_pass)])
    assert len(one_pass.unique()) == len(one_pass), "a pass meets no row twice"


@pytest.mark.parametrize("stop_after", [1, 5, 6, 7, 13])
def test_stopping_and_resuming_gives_bit_identical_weights(
    checked: Checked, teacher: nn.Module, tmp_path: Path, stop_after: int
) -> None:
    runs = checked.plan.cohorts[0].runs
    whole_events = Recorder(tmp_path / "whole")
    whole = student_cohort(checked, runs, teacher, whole_events.around)
    whole.fit()
    asked = iter([False] * stop_after + [True] * 1000)
    first = Recorder(tmp_path / "parts", stop=lambda: next(asked))
    student_cohort(checked, runs, teacher, first.around).fit()
    assert {c.progress.stop.state for c in first.ended} == {"stopped"}
    second = Recorder(tmp_path / "parts")
    resumed = student_cohort(checked, runs, teacher, second.around)
    resumed.fit()
    for name, state in states(whole).items():
        assert_same(state, states(resumed)[name])
    told = [e for e in (*first.events, *second.events) if isinstance(e, EpochEnded)]
    assert [(e.run_id, e.epoch, e.train_loss, e.validation_nll, e.best) for e in told] == [
        (e.run_id, e.epoch, e.train_loss, e.validation_nll, e.best)
        for e in whole_events.events
        if isinstance(e, EpochEnded)
    ]


def test_rivals_with_checkpoints_of_different_age_meet_again(
    checked: Checked, teacher: nn.Module, tmp_path: Path
) -> None:
    """A kill between two checkpoint files leaves one run ahead of the others."""
    runs = checked.plan.cohorts[0].runs
    whole = states(train(checked, teacher, tmp_path / "whole"))
    for count, run in zip((12, 3), runs, strict=False):
        asked = iter([False] * count + [True] * 1000)
        student_cohort(checked, [run], teacher, Recorder(tmp_path / "parts", stop=lambda: next(asked)).around).fit()  # noqa: B023
    resumed = Recorder(tmp_path / "parts")
    cohort = student_cohort(checked, runs, teacher, resumed.around)
    cohort.fit()
    for name, state in whole.items():
        assert_same(state, states(cohort)[name])
    epochs = [(e.run_id, e.epoch) for e in resumed.events if isinstance(e, EpochEnded)]
    assert len(epochs) == len(set(epochs)), "no epoch is told twice"


@pytest.mark.parametrize(
    ("monitor", "task", "named"),
    [
        ("accuracy", "classification", "validation accuracy"), ("nll", "classification", "validation NLL"),
        ("accuracy", "tagging", "validation accuracy per step"), ("accuracy", "regression", "validation R²"),
        ("nll", "regression", "validation squared error"),
    ],
)
def test_the_rule_names_what_chose_the_epoch(monitor: str, task: Task, named: str) -> None:
    best = BestEpoch(Training(epochs=2, patience=1, monitor=monitor), task)  # type: ignore[arg-type]
    best.update(1, accuracy=0.5, nll=0.5)
    best.update(2, accuracy=0.4, nll=0.6)
    stop = best.after_epoch(2)
    assert stop is not None and named in stop.rule


def test_patience_stops_a_run_and_the_best_epoch_is_restored(spec_data: dict, tmp_path: Path) -> None:
    spec_data["student_training"] |= {"epochs": 30, "patience": 2, "steps_per_epoch": 2}
    checked = deep_check(parse_spec(spec_data), home=Home(tmp_path))
    teacher = checked.network(checked.spec.teacher.architecture, seed=50)
    recorder = Recorder(tmp_path / "runs")
    cohort = student_cohort(checked, checked.plan.cohorts[0].runs, teacher, recorder.around)
    cohort.fit()
    early = [c for c in recorder.ended if c.progress.epoch < 30]
    assert early, "with 2 steps an epoch some run stops early"
    for candidate in early:
        assert candidate.best.waited == 2
        assert f"epoch {candidate.best.epoch} was kept" in candidate.progress.stop.rule
        assert_same(candidate.model.state_dict(), candidate.best_state)


def test_a_diverging_run_ends_alone_with_its_last_good_epoch(
    checked: Checked, teacher: nn.Module, tmp_path: Path
) -> None:
    recorder = Recorder(tmp_path)
    cohort = student_cohort(checked, checked.plan.cohorts[0].runs, teacher, recorder.around)
    victim = cohort.candidates[1]

    def poison(event: Event) -> None:
        if isinstance(event, EpochEnded) and event.run_id == victim.run.run_id and event.epoch == 1:
            with torch.no_grad():
                next(victim.model.parameters()).fill_(float("nan"))

    cohort.around = replace(recorder.around, emit=poison)
    cohort.fit()
    assert {c.run.name: c.progress.stop.state for c in recorder.ended} == {
        "alone": "finished",
        "distilled": "diverged",
        "distilled, all": "finished",
    }
    assert victim.best.epoch == 1
    assert all(torch.isfinite(value).all() for value in victim.model.state_dict().values())


def test_the_teacher_learns(checked: Checked, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    teacher_cohort(checked, checked.plan.teacher, recorder.around).fit()
    epochs = [e for e in recorder.events if isinstance(e, EpochEnded)]
    assert epochs[-1].train_loss < epochs[0].train_loss
    assert epochs[-1].validation_accuracy > 0.5
    assert epochs[0].raw_terms.keys() == {"cross-entropy"}
