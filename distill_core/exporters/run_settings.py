"""What a run was made with, flat: names with dots, and plain values, as other tools want them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from distill_core.events import RunDeclared
from distill_core.spec import ExperimentSpec, Student, Teacher, Term

Setting = str | int | float | bool


def settings_of(spec: ExperimentSpec, run: RunDeclared) -> dict[str, Setting]:
    """Of the spec, what concerns one run: its own part, its budget and data; of a student, its teachers too.

    A compressed run has its step alone: the rest is its parent's. A loss's settings stand below its name
    (`terms.kd.temperature`), so that variants can be set side by side.
    """
    whole: dict[str, Any] = {
        "role": run.role, "variant": run.name, "seed": run.seed, "architecture": {"name": run.architecture},
        "parameters": run.parameters, "macs": run.macs, "samples_seen": run.samples_seen,
        "data": spec.data.model_dump(mode="json"),
    }
    if run.compression_step:
        whole["compression"] = {"step": run.compression_step, "strength": run.strength, "parent": run.parent}
    if run.role == "teacher":
        whole |= _of_teacher(spec, run)
    elif run.role != "compressed":
        student = next((one for one in spec.students if one.name == run.name), None)
        whole |= {
            "training": spec.student_training.model_dump(mode="json"),
            "views": spec.student_views.model_dump(mode="json"),
            **{_teacher_key(number): teacher.architecture.model_dump(mode="json")
               for number, teacher in enumerate(spec.teachers)},
            **(_of_student(student) if student else {}),
        }
    return dict(_flat(whole, ""))


def _teacher_key(number: int) -> str:
    return "teacher" if number == 0 else f"teacher_{number + 1}"


def _of_teacher(spec: ExperimentSpec, run: RunDeclared) -> dict[str, Any]:
    fitting = [one for one in spec.teachers if (one.architecture.name, one.seed) == (run.architecture, run.seed)]
    teacher: Teacher = fitting[0] if fitting else spec.teacher
    return teacher.model_dump(mode="json", exclude={"seed"})


def _of_student(student: Student) -> dict[str, Any]:
    own = student.model_dump(mode="json", exclude={"name", "terms"})
    return own | {"terms": dict(_named_terms(student.terms))}


def _named_terms(terms: tuple[Term, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Terms by the names of their losses; a loss that comes twice is numbered."""
    seen: Counter[str] = Counter()
    for term in terms:
        name = term.loss.name
        seen[name] += 1
        facts = term.model_dump(mode="json", exclude={"loss"})
        yield name if seen[name] == 1 else f"{name}_{seen[name]}", {**facts, **term.loss.params}


def _flat(value: Any, name: str) -> Iterator[tuple[str, Setting]]:
    """Leaves by the path that leads to them; what is not set is left out."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _flat(below, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        if value:
            yield name, ", ".join(str(item) for item in value)
    elif value is not None and value != "":
        yield name, value
