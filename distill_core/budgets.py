"""Tells which variants of an experiment have a loss that one of its terms dominates; loads no torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from distill_core.access import Acting, needs
from distill_core.evaluation.loss_budget import Dominance, EpochBudget, WeightedTerm, dominance, term_names
from distill_core.rows import ExperimentView
from distill_core.spec import Student
from distill_core.store.store import Store


class Dominated(NamedTuple):
    """A variant, by its name, and the term that supplies nearly all of its gradient or loss."""

    variant: str
    found: Dominance


class Budgets(Acting):
    """The loss budgets of one home's experiments. Thread-safe; every method returns at once."""

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store

    @needs("viewer")
    def dominated(self, view: ExperimentView) -> list[Dominated]:
        """Variants of several terms of which one supplies over 95%, as far as their seeds have come."""
        several = {one.name: terms for one in view.spec.students if len(terms := weighted_terms(one)) > 1}
        variant_of = {
            run.run_id: run for run in view.runs if run.role in ("baseline", "student") and run.name in several
        }
        if not variant_of:
            return []
        epochs: dict[str, list[EpochBudget]] = {name: [] for name in several}
        for run_id, epoch, weighted, norms in self._store().budget_points(view.row.experiment_id):
            if run := variant_of.get(run_id):
                epochs[run.name].append(EpochBudget(epoch / max(run.epochs, 1), weighted, norms))
        found = ((name, dominance(several[name], some)) for name, some in epochs.items())
        return [Dominated(name, one) for name, one in found if one is not None]


def weighted_terms(student: Student) -> list[WeightedTerm]:
    """The active terms of a variant, named as its events name them."""
    active = [term for term in student.terms if term.weight > 0]
    names = term_names([term.loss.name for term in active])
    return [
        WeightedTerm(name, term.weight, term.schedule, term.schedule_fraction)
        for name, term in zip(names, active, strict=True)
    ]
