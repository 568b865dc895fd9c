"""Estimates how long an experiment will take, from a few real steps of the real networks."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from distill_core.folders import RunFolder
from distill_core.plan import PlannedRun
from distill_core.training.assembly import student_cohort, teacher_cohort
from distill_core.training.cohort import Cohort, Surroundings
from distill_core.training.preparation import Checked

WARM_UP_STEPS = 2
MOST_STEPS = 20
MOST_SECONDS = 1.0
# Measured: torch and the exporter load in about 4 s, and a graph takes about 2 s.
START_SECONDS, GRAPH_SECONDS = 4.0, 2.0


def estimate_seconds(
    checked: Checked,
    *,
    should_stop: Callable[[], bool],
    skip: frozenset[str] = frozenset(),
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Seconds for `teacher`, `cohorts`, `export` (with latency) and in `total`.

    `skip` holds ids of runs that will be reused and so cost nothing. Early stopping is not foreseen.
    """
    around = _quiet(should_stop)
    teacher_run = teacher_cohort(checked, around)
    teacher = 0.0
    if checked.plan.teacher.run_id not in skip:
        teacher = _seconds_a_step(teacher_run, clock) * teacher_run.steps_per_epoch * teacher_run.epochs
    cohorts = 0.0
    measured: dict[tuple[str, ...], float] = {}
    for planned in checked.plan.cohorts:
        runs = [run for run in planned.runs if run.run_id not in skip]
        if not runs or should_stop():
            continue
        key = tuple(run.name for run in runs)
        if key not in measured:
            network = teacher_run.candidates[0].model
            cohort = student_cohort(checked, runs, network, around)
            measured[key] = _seconds_a_step(cohort, clock) * cohort.steps_per_epoch * cohort.epochs
        cohorts += measured[key]
    variants = len({run.name for run in checked.plan.runs})
    cells = len(checked.spec.latency.batches) * len(checked.spec.latency.threads)
    export = START_SECONDS + variants * GRAPH_SECONDS + _graphs(checked.plan.runs) * cells * 0.5
    return {"teacher": teacher, "cohorts": cohorts, "export": export, "total": teacher + cohorts + export}


def _graphs(runs: tuple[PlannedRun, ...]) -> int:
    return len({run.architecture.model_dump_json() for run in runs})


def _seconds_a_step(cohort: Cohort, clock: Callable[[], float]) -> float:
    for step in range(WARM_UP_STEPS):
        cohort.train_step(step)
    start = clock()
    step = WARM_UP_STEPS
    while step < WARM_UP_STEPS + MOST_STEPS and clock() - start < MOST_SECONDS:
        cohort.train_step(step)
        step += 1
    return (clock() - start) / (step - WARM_UP_STEPS)


def _quiet(should_stop: Callable[[], bool]) -> Surroundings:
    """Nothing is told or kept: these steps only take the time."""
    return Surroundings(
        emit=lambda event: None,
        should_stop=should_stop,
        clock=lambda: 0.0,
        folder_of=lambda run_id: RunFolder(Path()),
        on_end=lambda candidate: None,
        on_progress=lambda done, total: None,
    )
