"""The preview's answer to what a sweep will take: seconds of its experiments, its runs, and how many are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from distill_core.plan import code_of, make_plan
from distill_core.spec import ExperimentSpec
from distill_core.training.preparation import Checked

MOST_TIMED = 6
"""Experiments that are timed one by one; further ones are reckoned by what they have left to train."""


def sweep_answer(
    checked: Checked, specs: Sequence[ExperimentSpec], reused: frozenset[str], *,
    estimate: Callable[[Checked, frozenset[str]], dict[str, float]],
) -> dict[str, Any]:
    """{"rounds": [{"seconds", "runs"}], "runs", "reused"} of experiments that follow each other on the same data.

    What one of them trains the next take over. `estimate` answers as training.timing.estimate_seconds. `reused` names
    runs that there are before the first.
    """
    have, planned, rounds = set(reused), set[str](), list[dict[str, Any]]()
    timed: list[tuple[float, float]] = []
    for spec in specs:
        one = _with_spec(checked, spec)
        ids = [run.run_id for run in one.plan.runs]
        left = sum(run.run_id not in have for cohort in one.plan.cohorts for run in cohort.runs)
        work = float(left * spec.student_training.epochs)
        if len(timed) < MOST_TIMED or not sum(work for work, _ in timed):
            parts = estimate(one, frozenset(have))
            seconds = parts["total"]
            timed.append((work, seconds))
        else:
            seconds = work * sum(seconds for _, seconds in timed) / sum(work for work, _ in timed)
        rounds.append({"seconds": seconds, "runs": len(ids)})
        planned |= set(ids)
        have |= set(ids)
    return {"rounds": rounds, "runs": len(planned), "reused": len(planned & reused)}


def _with_spec(checked: Checked, spec: ExperimentSpec) -> Checked:
    """The same data with another spec's runs, planned as its worker would."""
    here = checked.here.model_copy(update={"code": code_of(spec, checked.catalogue)})
    plan = make_plan(spec, checked.catalogue, origin=here)
    return replace(checked, spec=spec, here=here, origin=here, plan=plan)
