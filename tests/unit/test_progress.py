"""Elapsed and remaining time, from stored times alone."""

from __future__ import annotations

import pytest

from distill_core.events import State
from distill_core.progress import progress_of
from distill_core.rows import ExperimentRow, StepRow


def experiment(
    state: State = "running", *, started: float | None = 100.0, finished: float | None = None, busy: float = 0.0
) -> ExperimentRow:
    return ExperimentRow(
        experiment_id="e", name="e", state=state, reason="", attempt=1, created_at=90.0, started_at=started,
        finished_at=finished, dataset="digits", teacher="t", students=("s",), seeds=2, runs_total=3, runs_done=0,
        runs_reused=0, device="cpu", busy_seconds=busy,
    )  # fmt: skip


def step(
    name: str,
    state: str,
    *,
    done: int = 0,
    total: int = 0,
    started: float | None = None,
    finished: float | None = None,
    expected: float | None = None,
) -> StepRow:
    return StepRow(name, name, state, done, total, started, finished, expected)


def test_before_the_start_nothing_is_known() -> None:
    progress = progress_of(experiment("queued", started=None), [], now=200.0)
    assert (progress.elapsed_seconds, progress.remaining_seconds, progress.share) == (None, None, 0.0)


def test_at_first_the_estimate_counts() -> None:
    steps = [step("teacher", "running", started=100, total=50, expected=20), step("cohort:0", "waiting", expected=30)]
    assert progress_of(experiment(), steps, now=101).remaining_seconds == pytest.approx(50)


def test_then_a_steps_own_pace_and_the_pace_of_finished_cohorts() -> None:
    steps = [
        step("teacher", "finished", started=100, finished=110, done=50, total=50, expected=20),
        step("cohort:0", "finished", started=110, finished=118, done=10, total=10, expected=30),
        step("cohort:1", "running", started=118, done=5, total=10, expected=30),
        step("cohort:2", "waiting", expected=30),
        step("export", "waiting", expected=4),
    ]
    progress = progress_of(experiment(), steps, now=120)
    assert progress.remaining_seconds == pytest.approx(2 + 8 + 4)
    assert progress.elapsed_seconds == 20
    assert progress.share == pytest.approx(2.5 / 5)


def test_a_step_nobody_timed_leaves_the_rest_unknown() -> None:
    steps = [step("teacher", "running", started=100), step("cohort:0", "waiting", expected=3)]
    assert progress_of(experiment(), steps, now=110).remaining_seconds is None


def test_reused_cohorts_say_nothing_about_those_that_train() -> None:
    steps = [step("cohort:0", "finished", started=110, finished=110.1), step("cohort:1", "waiting", expected=30)]
    assert progress_of(experiment(), steps, now=111).remaining_seconds == pytest.approx(30)


def test_a_stopped_experiment_keeps_its_time_and_a_resumed_one_adds_to_it() -> None:
    stopped = progress_of(experiment("cancelled", finished=130.0, busy=30.0), [], now=1000)
    assert (stopped.elapsed_seconds, stopped.remaining_seconds) == (30.0, None)
    assert progress_of(experiment(started=200.0, busy=30.0), [], now=205).elapsed_seconds == 35.0
