"""Estimates how long an experiment will take, from a few real steps of the real networks."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from distill_core.planned import PlannedRun, digest
from distill_core.training.assembly import compressed_cohort, student_cohort, teacher_cohort
from distill_core.training.cohort import Cohort, Surroundings
from distill_core.training.preparation import Checked
from distill_core.training.teachers import as_one
from distill_core.training.threads import calibrate_threads

# Twice as many as batches are made at once, so that making them counts as often as in a training.
MOST_STEPS = 32
MOST_SECONDS = 1.0
MOST_VALIDATED = 256
# Measured on two cores: torch loads in about 4 s, the exporter takes about 1 s a graph, a latency cell about 0.3 s.
START_SECONDS, GRAPH_SECONDS, CELL_SECONDS = 4.0, 1.0, 0.3


def choose_threads(checked: Checked, *, most: int, should_stop: Callable[[], bool]) -> int:
    """Set torch's thread count for an experiment, by timing a few steps of its teacher, and return it."""
    if checked.device.type == "cuda":
        # One feeds it; the others would take the cores from everybody else.
        torch.set_num_threads(1)
        return 1
    cohort = teacher_cohort(checked, checked.plan.teacher, Surroundings.silent())
    steps = itertools.count()
    return calibrate_threads(lambda: cohort.train_step(next(steps)), most=most, should_stop=should_stop)


def estimate_seconds(
    checked: Checked,
    *,
    should_stop: Callable[[], bool],
    skip: frozenset[str] = frozenset(),
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Seconds for the worker's `start`, `teacher`, all `cohorts`, `compression`, `export`, `latency`, and in `total`.

    Uses torch's present thread count. `skip` holds ids of runs that will be reused and so cost nothing. Early stopping
    is not foreseen.
    """
    around = Surroundings.silent(should_stop=should_stop)
    full, checked = checked.split, _with_short_validation(checked)
    teachers = [teacher_cohort(checked, run, around) for run in checked.plan.teachers]
    teacher = 0.0
    for run, cohort in zip(checked.plan.teachers, teachers, strict=True):
        if run.run_id not in skip and run.teacher is not None and run.teacher.train:
            teacher += _seconds(cohort, len(full.validation), clock)
    network = as_one([one.candidates[0].model for one in teachers], [one.weight for one in checked.spec.teachers])
    cohorts = 0.0
    measured: dict[tuple[str, ...], float] = {}
    for planned in checked.plan.cohorts:
        runs = [run for run in planned.runs if run.run_id not in skip]
        if not runs or should_stop():
            continue
        key = tuple(run.name for run in runs)
        if key not in measured:
            cohort = student_cohort(checked, runs, network, around)
            measured[key] = _seconds(cohort, len(full.student_validation), clock)
        cohorts += measured[key]
    compression = _compression_seconds(
        checked, network, around, full_validation=len(full.student_validation), skip=skip, clock=clock
    )
    cells = len(checked.spec.latency.batches) * len(checked.spec.latency.threads)
    graphs = _graphs(checked.plan.runs)
    parts = {
        "start": START_SECONDS,
        "teacher": teacher,
        "cohorts": cohorts,
        "compression": compression,
        "export": graphs * GRAPH_SECONDS,
        "latency": graphs * cells * CELL_SECONDS,
    }
    return parts | {"total": sum(parts.values())}


def _compression_seconds(
    checked: Checked, teacher: nn.Module, around: Surroundings, *, full_validation: int, skip: frozenset[str],
    clock: Callable[[], float],
) -> float:
    """What compressed runs will take; those that train are timed uncut, which is the most they can take."""
    seconds = 0.0
    measured: dict[str, float] = {}
    for run in checked.plan.compressed:
        if run.run_id in skip or around.should_stop():
            continue
        seconds += GRAPH_SECONDS
        if run.compression is not None and run.compression.training is not None:
            key = digest([run.architecture.model_dump(), run.compression.choice.model_dump(), run.needs_teacher])
            if key not in measured:
                network = checked.network(run.architecture, seed=run.seed).to(checked.device)
                cohort = compressed_cohort(checked, run, network, teacher, around)
                measured[key] = _seconds(cohort, full_validation, clock)
            seconds += measured[key]
    return seconds


def _graphs(runs: tuple[PlannedRun, ...]) -> int:
    return len({run.architecture.model_dump_json() for run in runs})


def _with_short_validation(checked: Checked) -> Checked:
    """So that a large network is not asked about thousands of images only to see how long that takes."""
    few, split = slice(MOST_VALIDATED), checked.split
    short = replace(split, validation=split.validation[few], student_validation=split.student_validation[few])
    return replace(checked, split=short)


def _seconds(cohort: Cohort, validated: int, clock: Callable[[], float]) -> float:
    """What all epochs of a cohort will take: its steps, and validating each run on so many samples after each epoch."""
    device = cohort.candidates[0].stream.device

    def now() -> float:
        if device.type == "cuda":
            # It answers before it has computed.
            torch.cuda.synchronize(device)
        return clock()

    # The first step allocates.
    cohort.train_step(0)
    start = now()
    step = 1
    while step <= MOST_STEPS and (step == 1 or clock() - start < MOST_SECONDS):
        cohort.train_step(step)
        step += 1
    a_step = (now() - start) / (step - 1)
    start = now()
    cohort.validate()
    validation = (now() - start) * validated / max(len(cohort.validation.labels), 1)
    return cohort.epochs * (cohort.steps_per_epoch * a_step + validation)
