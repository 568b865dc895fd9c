"""Which runs an experiment consists of, and the digest that names each; a pure function of the spec."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from distill_core.catalog import Catalogue
from distill_core.plan_compression import plan_compression
from distill_core.planned import Origin, Plan, PlannedCohort, PlannedRun, code_key, digest
from distill_core.spec import Choice, ExperimentSpec, Student, Teacher, Term

ALONE = "alone"

def with_baselines(spec: ExperimentSpec, catalogue: Catalogue) -> tuple[Student, ...]:
    """The spec's students; those of one network and start are preceded by it trained alone on plain labels."""
    result: list[Student] = []
    for network in dict.fromkeys(_network_of(student) for student in spec.students):
        group = [student for student in spec.students if _network_of(student) == network]
        plain = [student for student in group if is_plain_baseline(student, catalogue)]
        if not plain:
            plain = [_alone(group[0], spec, catalogue, taken={one.name for one in (*spec.students, *result)})]
            group = [*plain, *group]
        result += plain + [student for student in group if student not in plain]
    return tuple(result)


def _network_of(student: Student) -> str:
    """What must be the same for two variants to differ only in what they learn from."""
    return digest([student.architecture.model_dump(mode="json"), student.start, student.weights])


def _alone(like: Student, spec: ExperimentSpec, catalogue: Catalogue, *, taken: set[str]) -> Student:
    start = ", own start" if like.weights else ", teacher's start" if like.start == "teacher" else ""
    name = f"{ALONE}{start}" if f"{ALONE}{start}" not in taken else f"{ALONE} ({like.architecture.name}){start}"
    number = 2
    while name in taken:
        name, number = f"{ALONE} ({like.architecture.name} {number}){start}", number + 1
    loss = catalogue.alone_loss(catalogue.task(spec.data.dataset))
    params = catalogue.losses[loss].resolve({}).model_dump(mode="json")
    return Student(
        name=name, architecture=like.architecture, terms=(Term(loss=Choice(name=loss, params=params)),),
        start=like.start, weights=like.weights,
    )


def is_plain_baseline(student: Student, catalogue: Catalogue) -> bool:
    """Trained alone on plain labels of the samples as they are: what every distilled rival is compared with."""
    return is_baseline(student, catalogue) and student.generator is None and student.coreset is None


def is_baseline(student: Student, catalogue: Catalogue) -> bool:
    """Trained alone on plain labels, of whichever labelled samples."""
    active = [term for term in student.terms if term.weight > 0]
    return (
        len(active) == 1
        and "alone" in catalogue.losses[active[0].loss.name].traits
        and not active[0].loss.params.get("label_smoothing")
        and student.transfer == "labelled"
    )


def baseline_of(student: Student, students: Sequence[Student], catalogue: Catalogue) -> Student | None:
    """What a student is judged against, among all with their baselines; None for the plain baseline itself.

    The same network from the same start, alone: on the same variants and coreset if there is such a one, else plain.
    """
    if is_plain_baseline(student, catalogue):
        return None
    alone = [
        one for one in students
        if one.name != student.name and _network_of(one) == _network_of(student) and is_baseline(one, catalogue)
    ]
    same = [one for one in alone if _samples_of(one) == _samples_of(student)]
    plain = [one for one in alone if is_plain_baseline(one, catalogue)]
    return next(iter([*same, *plain]), None)


def _samples_of(student: Student) -> Any:
    return student.generator, student.generator and student.generated_share, student.coreset


def code_of(spec: ExperimentSpec, catalogue: Catalogue) -> dict[str, str]:
    """Digests of the files of all entries that a spec trains with, by kind and name."""
    students = with_baselines(spec, catalogue)
    named = {code_key("dataset", spec.data.dataset): catalogue.datasets[spec.data.dataset.name].code}
    for choice in (*(one.architecture for one in spec.teachers), *(one.architecture for one in students)):
        named[code_key("architecture", choice)] = catalogue.architectures[choice.name].code
    for student in students:
        for term in student.terms:
            named[code_key("loss", term.loss)] = catalogue.losses[term.loss.name].code
        if student.generator:
            named[code_key("generator", student.generator)] = catalogue.generators[student.generator.name].code
    # All steps, for a series stands for others.
    if spec.compression.chains:
        named |= {f"compression {entry.name}": entry.code for entry in catalogue.compression}
    return named


def make_plan(spec: ExperimentSpec, catalogue: Catalogue, *, origin: Origin) -> Plan:
    """Plan a checked spec; equal specs of equal origin have equal runs."""
    teachers = tuple(_planned_teacher(teacher, number, spec, origin) for number, teacher in enumerate(spec.teachers))
    students = with_baselines(spec, catalogue)
    cohorts = tuple(
        PlannedCohort(
            seed=seed,
            runs=tuple(_planned_student(one, seed, spec, teachers, catalogue, origin=origin) for one in students),
        )
        for seed in spec.seeds
    )
    first = Plan(teachers=teachers, cohorts=cohorts)
    return replace(first, compressed=plan_compression(spec, first, catalogue, origin=origin))


def _common(spec: ExperimentSpec, origin: Origin) -> dict[str, Any]:
    """What every run's weights depend on."""
    reader = origin.code[code_key("dataset", spec.data.dataset)]
    # Several processes round otherwise; those of one keep the names they had before there could be several.
    several = {"processes": spec.processes} if spec.processes > 1 else {}
    # Runs of 32-bit floats keep the names they had before there was a choice.
    unsaid = {"code"} | ({"precision"} if origin.precision == "float32" else set())
    return origin.model_dump(mode="json", exclude=unsaid) | {"reader": reader} | several


def _data_of(spec: ExperimentSpec, *, without: Collection[str] = ()) -> dict[str, Any]:
    """Which samples a run learns from; a set of corrections names its runs only where there is one."""
    return spec.data.model_dump(mode="json", exclude={*without, *(() if spec.data.corrections else ("corrections",))})


def _planned_teacher(teacher: Teacher, number: int, spec: ExperimentSpec, origin: Origin) -> PlannedRun:
    data = _data_of(spec, without={"student_labels", "withheld_classes"})
    # How much it counts among several teachers changes nothing in it; nor does the budget of one that is not trained.
    idle = {"weight"} if teacher.train else {"weight", "training", "views"}
    content = _common(spec, origin) | {
        "data": data, "teacher": _cause(teacher, without=idle),
        "code": origin.code[code_key("architecture", teacher.architecture)],
    }
    return PlannedRun(
        run_id=digest(content), role="teacher", name="teacher" if number == 0 else f"teacher {number + 1}",
        seed=teacher.seed, architecture=teacher.architecture, terms=(), transfer="labelled", needs_teacher=False,
        weights=teacher.weights, teacher=teacher,
    )


def _planned_student(
    student: Student, seed: int, spec: ExperimentSpec, teachers: Sequence[PlannedRun], catalogue: Catalogue, *,
    origin: Origin,
) -> PlannedRun:
    needs_teacher = catalogue.needs_teacher(student)
    chooses = student.coreset is not None and student.coreset.rule != "random"
    content = _common(spec, origin) | {
        "data": _data_of(spec),
        # The name is a label, not a cause: renaming a student trains nothing again.
        "student": _cause(student, without={"name"}),
        "training": spec.student_training.model_dump(mode="json"),
        "views": spec.student_views.model_dump(mode="json"),
        "seed": seed,
        "teacher": _answering(spec, teachers) if needs_teacher or chooses or student.start == "teacher" else None,
        "code": [
            origin.code[code_key("architecture", student.architecture)],
            *(origin.code[code_key("loss", term.loss)] for term in student.terms),
            *([origin.code[code_key("generator", student.generator)]] if student.generator else []),
        ],
    }
    if "cut" in catalogue.architectures[student.architecture.name].traits:
        whole = spec.teacher.architecture
        content["cut"] = [whole.model_dump(mode="json"), origin.code[code_key("architecture", whole)]]
    return PlannedRun(
        run_id=digest(content), role="student" if needs_teacher else "baseline", name=student.name, seed=seed,
        architecture=student.architecture, terms=student.terms, transfer=student.transfer,
        needs_teacher=needs_teacher, weights=student.weights, student=student,
    )


def _answering(spec: ExperimentSpec, teachers: Sequence[PlannedRun]) -> Any:
    """What names the teachers' answers: the one teacher, or each with its weight."""
    if len(teachers) == 1:
        return teachers[0].run_id
    return [[run.run_id, teacher.weight] for run, teacher in zip(teachers, spec.teachers, strict=True)]


# Settings that did not exist when runs were first named; unset they must leave old names as they were.
_LATER: dict[str, Any] = {
    "weights": "", "train": True, "generator": None, "coreset": None, "start": "random",
}


def _cause(settings: Teacher | Student, *, without: set[str]) -> dict[str, Any]:
    """The settings that determine weights."""
    content = settings.model_dump(mode="json", exclude=without)
    if not content.get("generator"):
        content.pop("generated_share", None)
    for term in content.get("terms", ()):
        if term["schedule"] == "constant":
            del term["schedule"], term["schedule_fraction"]
    return {name: value for name, value in content.items() if name not in _LATER or value != _LATER[name]}
