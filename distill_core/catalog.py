"""All registries together, as real entries or as JSON, and the check of a spec against them; loads no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, cast

from distill_core.entries import Entry, Kind, Registry
from distill_core.entries_json import entry_from_json
from distill_core.errors import Problem, SpecError, UnknownName
from distill_core.fitting import misfits
from distill_core.signature import INPUT_KINDS, TASKS, InputKind, Task
from distill_core.spec import Chain, Choice, ExperimentSpec, Student, Teacher


@dataclass(frozen=True)
class Catalogue:
    """All registries together; from real entries beside torch, or from JSON without it."""

    architectures: Registry[Any]
    datasets: Registry[Any]
    losses: Registry[Any]
    generators: Registry[Any]
    compression: Registry[Any]
    executors: Registry[Any]
    exporters: Registry[Any]

    def to_json(self) -> dict[str, Any]:
        return {one.name: [entry.to_json() for entry in getattr(self, one.name)] for one in fields(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Catalogue:
        def registry(name: str) -> Registry[Entry]:
            singular: dict[str, Kind] = {"losses": "loss", "compression": "compression step"}
            kind = singular.get(name) or cast(Kind, name.removesuffix("s"))
            return Registry(kind, [entry_from_json(item) for item in data[name]])

        return cls(**{one.name: registry(one.name) for one in fields(cls)})

    # What a spec's parts are -----------------------------------------------------------------

    def input_kind(self, dataset: Choice) -> InputKind:
        """The kind of input that a dataset gives with these parameters."""
        return cast(InputKind, self._told(dataset, "kind", INPUT_KINDS))

    def task(self, dataset: Choice) -> Task:
        """The task that a dataset sets with these parameters."""
        return cast(Task, self._told(dataset, "task", TASKS))

    def _told(self, dataset: Choice, parameter: str, known: Iterable[str]) -> str:
        entry = self.datasets[dataset.name]
        offered = [name for name in known if name in entry.traits]
        if len(offered) == 1:
            return offered[0]
        chosen = dataset.params.get(parameter, entry.params.model_fields[parameter].default)
        return str(chosen)

    def needs_teacher(self, student: Student) -> bool:
        """Whether any weighted term of the student reads the teacher."""
        return any(term.weight > 0 and "teacher" in self.losses[term.loss.name].traits for term in student.terms)

    def reads_layers(self, spec: ExperimentSpec) -> bool:
        """Whether only the networks can tell that the spec fits: taps, cuts, pruning, shared and own weights."""
        if spec.compression.chains:
            return True
        own = any(teacher.weights for teacher in spec.teachers) or any(student.weights for student in spec.students)
        cut = any("cut" in self.architectures[student.architecture.name].traits for student in spec.students)
        shared = any(student.start == "teacher" for student in spec.students)
        weighted = [term for student in spec.students for term in student.terms if term.weight > 0]
        losses = [self.losses[term.loss.name] for term in weighted]
        return own or cut or shared or any(loss.reads_taps or "weights" in loss.traits for loss in losses)

    def alone_loss(self, task: Task) -> str:
        """The loss that a student trained alone minimises."""
        return next(entry.name for entry in self.losses if {"alone", task} <= entry.traits)

    # The check -------------------------------------------------------------------------------

    def check(self, spec: ExperimentSpec) -> ExperimentSpec:
        """The spec with every default filled in; raises SpecError with all problems of all fields."""
        problems: list[Problem] = []
        completed = self._completed(spec, problems)
        if not problems:
            problems += misfits(completed, self)
        if problems:
            raise SpecError(problems)
        return completed

    def _completed(self, spec: ExperimentSpec, problems: list[Problem]) -> ExperimentSpec:
        """Every choice with all its parameters; what cannot be completed adds its problems."""

        def complete(registry: Registry[Any], choice: Choice, at: str) -> Choice:
            try:
                entry = registry[choice.name]
                params = entry.resolve(choice.params, at=f"{at}.params")
            except UnknownName as error:
                problems.append(Problem(f"{at}.name", choice.name, ", ".join(registry.names), error.sentence))
                return choice
            except SpecError as error:
                problems.extend(error.problems)
                return choice
            return Choice(name=choice.name, params=params.model_dump(mode="json"))

        def teacher(given: Teacher, at: str) -> Teacher:
            return given.model_copy(
                update={"architecture": complete(self.architectures, given.architecture, f"{at}.architecture")}
            )

        def student(given: Student, at: str) -> Student:
            terms = tuple(
                term.model_copy(update={"loss": complete(self.losses, term.loss, f"{at}.terms.{number}.loss")})
                for number, term in enumerate(given.terms)
            )
            made = given.generator and complete(self.generators, given.generator, f"{at}.generator")
            architecture = complete(self.architectures, given.architecture, f"{at}.architecture")
            return given.model_copy(update={"architecture": architecture, "terms": terms, "generator": made})

        def chain(given: Chain, at: str) -> Chain:
            steps = (complete(self.compression, step, f"{at}.steps.{place}") for place, step in enumerate(given.steps))
            return given.model_copy(update={"steps": tuple(steps)})

        dataset = complete(self.datasets, spec.data.dataset, "data.dataset")
        chains = tuple(chain(one, f"compression.chains.{index}") for index, one in enumerate(spec.compression.chains))
        return spec.model_copy(
            update={
                "data": spec.data.model_copy(update={"dataset": dataset}),
                "teacher": teacher(spec.teacher, "teacher"),
                "more_teachers": tuple(
                    teacher(one, f"more_teachers.{number}") for number, one in enumerate(spec.more_teachers)
                ),
                "students": tuple(student(one, f"students.{index}") for index, one in enumerate(spec.students)),
                "compression": spec.compression.model_copy(update={"chains": chains}),
            }
        )
