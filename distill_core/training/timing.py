"""Estimates how long an experiment will take, from a few real steps of the real networks."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

from distill_core.plan import PlannedRun
from distill_core.training.assembly import student_cohort, teacher_cohort
from distill_core.training.cohort import Cohort, Surroundings
from distill_core.training.preparation import Checked
from distill_core.training.threads import calibrate_threads

WARM_UP_STEPS = 2
MOST_STEPS = 20
MOST_SECONDS = 1.0
# Measured on two cores: torch loads in about 4 s, the exporter takes about 1 s a graph, a latency cell about 0.3 s.
START_SECONDS, GRAPH_SECONDS, CELL_SECONDS = 4.0, 1.0, 0.3


def choose_threads(checked: Checked, *, most: int) -> int:
    """Set torch's thread count for an experiment, by timing a few steps of its teacher, and return it."""
    if checked.device.type == "cuda":
        most = 1
    cohort = teacher_cohort(checked, Surroundings.silent())
    steps = itertools.count()
    return calibrate_threads(lambda: cohort.train_step(next(steps)), most=most)


def estimate_seconds(
    checked: Checked,
    *,
    should_stop: Callable[[], bool],
    skip: frozenset[str] = frozenset(),
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Seconds for the worker's `start`, `teacher`, all `cohorts`, `export`, `latency`, and in `total`.

    Uses torch's present thread count. `skip` holds ids of runs that will be reused and so cost nothing. Early stopping
    is not foreseen.
    """
    around = Surroundings.silent(should_stop=should_stop)
    teacher_run = teacher_cohort(checked, around)
    teacher = 0.0
    if checked.plan.teacher.run_id not in skip:
        teacher = _seconds(teacher_run, clock)
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
            measured[key] = _seconds(cohort, clock)
        cohorts += measured[key]
    cells = len(checked.spec.latency.batches) * len(checked.spec.latency.threads)
    graphs = _graphs(checked.plan.runs)
    parts = {
        "start": START_SECONDS,
        "teacher": teacher,
        "cohorts": cohorts,
        "export": graphs * GRAPH_SECONDS,
        "latency": graphs * cells * CELL_SECONDS,
    }
    return parts | {"total": sum(parts.values())}


def _graphs(runs: tuple[PlannedRun, ...]) -> int:
    return len({run.architecture.model_dump_json() for run in runs})


def _seconds(cohort: Cohort, clock: Callable[[], float]) -> float:
    """What all epochs of a cohort will take: its steps, and the validation of each run after each epoch."""
    for step in range(WARM_UP_STEPS):
        cohort.train_step(step)
    start = clock()
    step = WARM_UP_STEPS
    while step < WARM_UP_STEPS + MOST_STEPS and clock() - start < MOST_SECONDS:
        cohort.train_step(step)
        step += 1
    a_step = (clock() - start) / (step - WARM_UP_STEPS)
    start = clock()
    cohort.validate(cohort.candidates[0])
    validation = (clock() - start) * len(cohort.candidates)
    return cohort.epochs * (cohort.steps_per_epoch * a_step + validation)
