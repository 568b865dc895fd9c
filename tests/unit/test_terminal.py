"""What `run` writes into a log file while it waits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from distill_core.cli.terminal import wait_until_done
from distill_core.events import State, StepState
from distill_core.rows import ExperimentRow, ExperimentView, StepRow
from tests.store_samples import small_spec


def _view(state: State, *steps: StepRow) -> ExperimentView:
    row = ExperimentRow(
        experiment_id="abc", name="small", state=state, reason="", attempt=1, created_at=0.0, started_at=1.0,
        finished_at=None, dataset="digits", teacher="small-cnn", students=(), seeds=1, runs_total=1, runs_done=0,
        runs_reused=0, device="cpu",
    )
    return ExperimentView(row=row, spec=small_spec(), steps=steps, runs=(), notes=(), worker=None, class_names=())


def _step(title: str, state: StepState, at: float | None = 1.0) -> StepRow:
    return StepRow(step=title.lower(), title=title, state=state, done=0, total=0, started_at=at, finished_at=None)


def test_a_step_that_passed_between_two_looks_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    students = _step("Students", "running")
    waiting = _step("Export", "waiting", None)
    looks = iter([
        _view("queued"),
        _view("queued"),
        _view("running", _step("Teacher", "finished"), students, waiting),
        _view("running", _step("Teacher", "finished"), replace(students, done=3), waiting),
        _view("succeeded", replace(students, state="finished"), _step("Export", "skipped")),
    ])
    last = wait_until_done(lambda: next(looks), sleep=lambda _: None)
    assert last.row.state == "succeeded"
    assert capsys.readouterr().err.splitlines() == ["queued", "running", "Teacher", "Students", "succeeded"]


def test_a_step_that_begins_anew_is_told_again(capsys: pytest.CaptureFixture[str]) -> None:
    looks = iter([
        _view("running", _step("Latency", "running", 1.0)),
        _view("running", _step("Latency", "running", 9.0)),
        _view("failed", _step("Latency", "running", 9.0)),
    ])
    wait_until_done(lambda: next(looks), sleep=lambda _: None)
    assert capsys.readouterr().err.splitlines() == ["running", "Latency", "Latency", "failed"]
