"""This project's own training of the same work: the cohort of each seed, as the worker trains it.

    python -m benchmarks.rivals.lab THREADS [PRECISION]

Nothing is told or kept, for the rivals keep nothing either; benchmarks/product.py measures the whole way.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import partial

from torch import nn

from benchmarks.rivals.given import Given, Order, Result, Trained, serve, wait_for
from distill_core.folders import Home
from distill_core.spec import read_spec
from distill_core.training.assembly import student_cohort, teacher_cohort
from distill_core.training.cohort import Surroundings
from distill_core.training.preparation import Checked, deep_check


@dataclass(frozen=True)
class Prepared:
    """The work as an experiment whose data are loaded."""

    given: Given
    checked: Checked


def prepare(given: Given, *, precision: str | None = None) -> Prepared:
    """`precision` None: what the work's spec says."""
    spec = read_spec(given.folder / "spec.json")
    if precision is not None:
        spec = spec.model_copy(update={"precision": precision})
    return Prepared(given, deep_check(spec, home=Home(given.folder / "home")))


def train(prepared: Prepared, order: Order) -> Result:
    given, checked = prepared.given, prepared.checked
    start = time.perf_counter()
    teacher, teacher_seconds = _given_teacher(given, checked), 0.0
    if teacher is None:
        cohort = teacher_cohort(checked, checked.plan.teacher, Surroundings.silent())
        cohort.fit()
        teacher = cohort.candidates[0].model
        wait_for(given.device)
        teacher_seconds = time.perf_counter() - start
    students = []
    for planned in (one for one in checked.plan.cohorts if one.seed in order.seeds):
        runs = [run for run in planned.runs if run.name in order.variants]
        start = time.perf_counter()
        cohort = student_cohort(checked, runs, teacher, Surroundings.silent())
        cohort.fit()
        wait_for(given.device)
        alone = time.perf_counter() - start if len(runs) == 1 else None
        students += [
            Trained(one.run.name, one.run.seed, one.model, one.progress.step, alone) for one in cohort.candidates
        ]
    return Result(tuple(students), teacher_seconds, teacher)


def _given_teacher(given: Given, checked: Checked) -> nn.Module | None:
    plain = given.given_teacher()
    if plain is None:
        return None
    teacher = checked.network_of(checked.plan.teacher)
    teacher.load_state_dict(plain.state_dict())
    return teacher.to(checked.device)


if __name__ == "__main__":
    serve(partial(prepare, precision=next(iter(sys.argv[2:]), None)), train, sys.argv[1:])
