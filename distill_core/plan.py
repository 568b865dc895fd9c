"""Which runs an experiment consists of, and the digest that names each; a pure function of the spec."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from distill_core.catalog import Catalogue
from distill_core.events import Role
from distill_core.spec import Choice, ExperimentSpec, Frozen, Student, Term

# Raised whenever training changes in a way that changes a trained network's weights; entries bring their own `code`.
TRAINING_VERSION = 1
ALONE = "alone"


class Origin(Frozen):
    """What determines weights besides the spec. An experiment keeps its own, so that its runs keep their names."""

    training_version: int = TRAINING_VERSION
    torch: str
    device_kind: str
    """cpu or cuda: they round differently."""
    fingerprint: str
    """Of the data."""
    code: dict[str, str]
    """The digest of each entry's file, by kind and name."""


@dataclass(frozen=True)
class PlannedRun:
    """One network to train. `run_id` is the digest of all that determines its weights."""

    run_id: str
    role: Role
    name: str
    seed: int
    architecture: Choice
    terms: tuple[Term, ...]
    transfer: str
    needs_teacher: bool


@dataclass(frozen=True)
class PlannedCohort:
    """All student variants of one seed, trained in one pass."""

    seed: int
    runs: tuple[PlannedRun, ...]


@dataclass(frozen=True)
class Plan:
    teacher: PlannedRun
    cohorts: tuple[PlannedCohort, ...]

    @property
    def runs(self) -> tuple[PlannedRun, ...]:
        return (self.teacher, *(run for cohort in self.cohorts for run in cohort.runs))


def digest(content: Any) -> str:
    """16 hexadecimal digits that name a JSON value."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def with_baselines(spec: ExperimentSpec, catalogue: Catalogue) -> tuple[Student, ...]:
    """The spec's students, each architecture preceded by itself trained alone on plain labels."""
    result: list[Student] = []
    for architecture in dict.fromkeys(digest(student.architecture.model_dump()) for student in spec.students):
        group = [s for s in spec.students if digest(s.architecture.model_dump()) == architecture]
        plain = [s for s in group if is_plain_baseline(s, catalogue)]
        if not plain:
            taken = {student.name for student in spec.students} | {student.name for student in result}
            name = ALONE if ALONE not in taken else f"{ALONE} ({group[0].architecture.name})"
            number = 2
            while name in taken:
                name, number = f"{ALONE} ({group[0].architecture.name} {number})", number + 1
            terms = (Term(loss=Choice(name="cross-entropy", params={"label_smoothing": 0.0}), weight=1.0),)
            result.append(Student(name=name, architecture=group[0].architecture, terms=terms, transfer="labelled"))
        result += plain + [student for student in group if student not in plain]
    return tuple(result)


def is_plain_baseline(student: Student, catalogue: Catalogue) -> bool:
    """Trained alone on plain labels: what every distilled rival is compared with."""
    active = [term for term in student.terms if term.weight > 0]
    return (
        len(active) == 1
        and active[0].loss.name == "cross-entropy"
        and not active[0].loss.params.get("label_smoothing")
        and student.transfer == "labelled"
    )


def code_of(spec: ExperimentSpec, catalogue: Catalogue) -> dict[str, str]:
    """Digests of the files of all entries that a spec trains with, by kind and name."""
    students = with_baselines(spec, catalogue)
    named = {_code_key("dataset", spec.data.dataset): catalogue.datasets[spec.data.dataset.name].code}
    for choice in (spec.teacher.architecture, *(student.architecture for student in students)):
        named[_code_key("architecture", choice)] = catalogue.architectures[choice.name].code
    for term in (term for student in students for term in student.terms):
        named[_code_key("loss", term.loss)] = catalogue.losses[term.loss.name].code
    return named


def _code_key(kind: str, choice: Choice) -> str:
    return f"{kind} {choice.name}"


def make_plan(spec: ExperimentSpec, catalogue: Catalogue, *, origin: Origin) -> Plan:
    """Plan a checked spec; equal specs of equal origin have equal runs."""
    data = spec.data.model_dump(mode="json")
    common = origin.model_dump(mode="json", exclude={"code"}) | {
        "reader": origin.code[_code_key("dataset", spec.data.dataset)]
    }
    teacher_data = {k: v for k, v in data.items() if k not in ("student_labels", "withheld_classes")}
    teacher_id = digest(
        common | {
            "data": teacher_data, "teacher": spec.teacher.model_dump(mode="json"),
            "code": origin.code[_code_key("architecture", spec.teacher.architecture)],
        }
    )
    teacher = PlannedRun(
        run_id=teacher_id,
        role="teacher",
        name="teacher",
        seed=spec.teacher.seed,
        architecture=spec.teacher.architecture,
        terms=(),
        transfer="labelled",
        needs_teacher=False,
    )
    students = with_baselines(spec, catalogue)
    cohorts = []
    for seed in spec.seeds:
        runs = []
        for student in students:
            needs_teacher = catalogue.needs_teacher(student)
            content = common | {
                "data": data,
                # The name is a label, not a cause: renaming a student trains nothing again.
                "student": student.model_dump(mode="json", exclude={"name"}),
                "training": spec.student_training.model_dump(mode="json"),
                "views": spec.student_views.model_dump(mode="json"),
                "seed": seed,
                "teacher": teacher_id if needs_teacher else None,
                "code": [
                    origin.code[_code_key("architecture", student.architecture)],
                    *(origin.code[_code_key("loss", term.loss)] for term in student.terms),
                ],
            }
            runs.append(
                PlannedRun(
                    run_id=digest(content),
                    role="student" if needs_teacher else "baseline",
                    name=student.name,
                    seed=seed,
                    architecture=student.architecture,
                    terms=student.terms,
                    transfer=student.transfer,
                    needs_teacher=needs_teacher,
                )
            )
        cohorts.append(PlannedCohort(seed=seed, runs=tuple(runs)))
    return Plan(teacher=teacher, cohorts=tuple(cohorts))
