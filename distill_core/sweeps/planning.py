"""Which trials a sweep makes: a spec checked value by value, and its next trials, numbered and named."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from distill_core.catalog import Catalogue
from distill_core.errors import Problem, SpecError
from distill_core.plan import with_baselines
from distill_core.spec import ExperimentSpec, Student
from distill_core.sweep_rows import Cell, SweepPlan, Trial
from distill_core.sweep_spec import MOST_CELLS, Grid, Limits, Optuna, Random, SweepSpec
from distill_core.sweeps import spaces
from distill_core.sweeps.cells import (
    MOST_VARIANTS,
    at_field,
    cell_key,
    cell_name,
    distinct,
    epochs_of,
    experiment_of,
    network_key,
    student_of,
)

Networks = Mapping[str, Mapping[str, int]]
"""`parameters` and `size_bytes` by network_key; empty where nobody has told."""
Values = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """New trials of a sweep. `exhausted`: there is no combination left that is not among them or those before."""

    trials: tuple[Trial, ...]
    exhausted: bool
    merged: int
    """Combinations that came to the same as another and are made with it."""


def complete(spec: SweepSpec, catalogue: Catalogue) -> SweepSpec:
    """The spec with the base's defaults filled in; raises SpecError naming the axis value that cannot be."""
    problems: list[Problem] = []
    try:
        base = catalogue.check(spec.base)
    except SpecError as error:
        raise SpecError([replace(problem, field=f"base.{problem.field}") for problem in error.problems]) from None
    spec = spec.model_copy(update={"base": base})
    if not catalogue.needs_teacher(base.students[0]):
        remedy = "Give the student such a term; it is trained alone beside its trials anyway."
        raise SpecError([Problem("base.students.0.terms", "none", "a term that reads the teacher", remedy)])
    problems += _of_method(spec)
    for number, place, values in spaces.one_by_one(spec):
        axis = spec.axes[number]
        try:
            catalogue.check(_experiment(spec, [values], catalogue))
        except SpecError as error:
            at = ("high" if place else "low") if axis.ranged else f"values.{place}"
            problems += at_field(error, f"axes.{number}.{at}", values[axis.field]).problems
    if "temperature" in (axis.field for axis in spec.axes) and not problems:
        problems += _without_temperature(spec, catalogue)
    if problems:
        raise SpecError(problems)
    return spec


def probe(spec: SweepSpec, catalogue: Catalogue) -> ExperimentSpec:
    """One experiment that has every axis value at least once, but for budgets; what only networks can tell is asked
    of it, and so are their figures."""
    # Networks first: of more values than fit, these are what limits are about.
    ordered = sorted(spaces.one_by_one(spec), key=lambda one: spec.axes[one[0]].field != "student")
    values = {cell_key(student_of(spec, one, catalogue), 0): one for _, _, one in ordered}
    return catalogue.check(_experiment(spec, list(values.values())[:MOST_VARIANTS], catalogue))


def plan(spec: SweepSpec, catalogue: Catalogue, networks: Networks | None = None) -> SweepPlan:
    """What a complete spec will make, at once. Raises SpecError."""
    notes: list[str] = []
    if isinstance(spec.method, Optuna):
        # Never more than there are: with every combination tried it ends.
        most = min(spec.method.trials, spaces.size_of(spec))
        trials = int(most)
        rounds = math.ceil(trials / min(spec.method.batch, trials)) * len(rungs(spec))
        alone = _networks_alone(spec, catalogue)
        runs = (trials + alone) * len(spec.base.seeds) + len(spec.base.teachers)
        return SweepPlan(spec, (), trials, rounds, runs, tuple(notes))
    made = new_trials(spec, (), catalogue, networks or {})
    if made.merged == 1:
        notes.append("One combination comes to the same as another and is made once.")
    elif made.merged:
        notes.append(f"{made.merged} combinations come to the same as another and are made once.")
    if isinstance(spec.method, Random) and made.exhausted and len(made.trials) < spec.method.trials:
        notes.append(f"There are only {len(made.trials)} different combinations, and all of them are made.")
    cells = tuple(
        Cell(number=one.number, name=one.name, values=one.values, twins=one.twins, refused=one.refused)
        for one in made.trials
    )
    kept = [trial for trial in made.trials if not trial.refused]
    groups = groups_of(kept)
    runs = len(spec.base.teachers)
    for group in groups:
        checked = catalogue.check(_experiment(spec, [dict(one.values) for one in group], catalogue))
        runs += len(with_baselines(checked, catalogue)) * len(spec.base.seeds)
    return SweepPlan(spec, cells, len(made.trials), len(groups), runs, tuple(notes))


def new_trials(
    spec: SweepSpec, known: Sequence[Trial], catalogue: Catalogue, networks: Networks
) -> Made:
    """Of a grid or a random sweep all trials that are not among the known, which keep their numbers."""
    making = Making(spec, known, catalogue, networks)
    if isinstance(spec.method, Grid):
        for values in spaces.grid(spec):
            making.take(values)
        return making.made(exhausted=True)
    assert isinstance(spec.method, Random)
    exhausted = False
    while len(known) + len(making.trials) < spec.method.trials:
        number = len(known) + len(making.trials)
        if not any(making.take(values) for values in spaces.drawn(spec, seed=spec.method.seed, number=number)):
            exhausted = True
            break
    # That a draw met one that was there is no news.
    return replace(making.made(exhausted=exhausted), merged=0)


def rungs(spec: SweepSpec) -> tuple[int, ...]:
    """After how many seeds a trial is looked at: 1, 2, 4 ... and all of them where a pruner judges between."""
    every = len(spec.base.seeds)
    if not isinstance(spec.method, Optuna) or spec.method.pruner == "none":
        return (every,)
    early = [2**power for power in range(every.bit_length()) if 2**power < every]
    return (*early, every)


class Making:
    """Gathers new trials: each combination once, numbered on from the known, with a name of its own."""

    def __init__(
        self, spec: SweepSpec, known: Sequence[Trial], catalogue: Catalogue, networks: Networks
    ) -> None:
        self._spec, self._catalogue, self._networks = spec, catalogue, networks
        self._known = len(known)
        self._batch = max((trial.batch for trial in known), default=-1) + 1
        self._names = {trial.name for trial in known}
        self._keys = {self._key(trial.values): -1 for trial in known}
        self._merged = 0
        self.trials: list[Trial] = []

    def take(self, values: Values, *, attrs: Mapping[str, Any] | None = None) -> bool:
        """Whether it became a trial; one that comes to the same as another is noted with that."""
        student = student_of(self._spec, values, self._catalogue)
        key = cell_key(student, epochs_of(self._spec, values))
        if (place := self._keys.get(key)) is not None:
            if place >= 0 and values != self.trials[place].values and values not in self.trials[place].twins:
                twin = self.trials[place]
                self.trials[place] = replace(twin, twins=(*twin.twins, values))
                self._merged += 1
            return False
        self._keys[key] = len(self.trials)
        name = distinct(cell_name(values), self._names)
        self._names.add(name)
        figures = self._networks.get(network_key(student.architecture), {})
        self.trials.append(
            Trial(
                number=self._known + len(self.trials), name=name, values=values, twins=(),
                epochs=epochs_of(self._spec, values), batch=self._batch,
                refused=" ".join(broken_before_training(self._spec.limits, figures)), attrs=attrs or {},
            )
        )
        return True

    def made(self, *, exhausted: bool) -> Made:
        return Made(tuple(self.trials), exhausted, self._merged)

    def _key(self, values: Mapping[str, Any]) -> str:
        return cell_key(student_of(self._spec, values, self._catalogue), epochs_of(self._spec, values))


def broken_before_training(limits: Limits, figures: Mapping[str, int]) -> Iterator[str]:
    """Sentences for the limits that a network breaks by what is known without training it."""
    parameters, size = figures.get("parameters"), figures.get("size_bytes")
    if limits.parameters is not None and parameters is not None and parameters > limits.parameters:
        yield f"It has {parameters:,} parameters; allowed: at most {limits.parameters:,}."
    if limits.size_bytes is not None and size is not None and size > limits.size_bytes:
        yield f"Its ONNX file has {size:,} bytes; allowed: at most {limits.size_bytes:,}."


def variant(spec: SweepSpec, trial: Trial, catalogue: Catalogue) -> Student:
    """The variant that trains a trial."""
    return student_of(spec, trial.values, catalogue, name=trial.name)


def _experiment(spec: SweepSpec, combinations: Sequence[Values], catalogue: Catalogue) -> ExperimentSpec:
    """One experiment of these combinations, for what does not depend on names."""
    students = [
        student_of(spec, values, catalogue, name=f"cell {number}") for number, values in enumerate(combinations)
    ]
    return experiment_of(spec, students, seeds=spec.base.seeds, epochs=epochs_of(spec, combinations[0]))


def groups_of(trials: Sequence[Trial]) -> list[list[Trial]]:
    """What becomes an experiment each: of one budget, at most 64."""
    groups = []
    for epochs in dict.fromkeys(trial.epochs for trial in trials):
        same = [trial for trial in trials if trial.epochs == epochs]
        groups += [same[start : start + MOST_VARIANTS] for start in range(0, len(same), MOST_VARIANTS)]
    return groups


def _networks_alone(spec: SweepSpec, catalogue: Catalogue) -> int:
    """How many students are trained alone beside an Optuna sweep's trials, at most."""
    seen = {
        network_key(student.architecture) + student.start
        for student in (student_of(spec, values, catalogue) for _, _, values in spaces.one_by_one(spec))
    }
    budgets = spec.axis("epochs")
    return len(seen) * (max(1, len(budgets.values)) if budgets else 1)


def _of_method(spec: SweepSpec) -> Iterator[Problem]:
    if isinstance(spec.method, Grid):
        for number, axis in enumerate(spec.axes):
            if axis.ranged:
                yield Problem(
                    f"axes.{number}", f"{axis.low:g} to {axis.high:g}", "listed values, for a grid",
                    "List the values, or choose random or optuna.",
                )
                return
        if (count := spaces.size_of(spec)) > MOST_CELLS:
            yield Problem(
                "axes", int(count), f"at most {MOST_CELLS:,} combinations", "Take fewer values, or draw at random."
            )
    elif isinstance(spec.method, Optuna) and spec.method.pruner != "none" and len(spec.base.seeds) < 2:
        yield Problem(
            "method.pruner", spec.method.pruner, "none with one seed, for it judges between seeds",
            "Take more seeds, or no pruner.",
        )


def _without_temperature(spec: SweepSpec, catalogue: Catalogue) -> Iterator[Problem]:
    """An axis of temperatures that changes nothing."""
    for _, _, values in spaces.one_by_one(spec):
        student = student_of(spec, values, catalogue)
        if any("temperature" in term.loss.params for term in student.terms):
            return
    number = next(place for place, axis in enumerate(spec.axes) if axis.field == "temperature")
    shown = ", ".join(term.loss.name for term in spec.base.students[0].terms)
    yield Problem(f"axes.{number}", shown, "a loss that has a temperature", "Choose another term, or remove this axis.")

