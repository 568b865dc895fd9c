"""From a combination of axis values to the student variant and the experiment that it stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from distill_core.catalog import Catalogue
from distill_core.entries import Registry
from distill_core.errors import Problem, SpecError
from distill_core.planned import digest
from distill_core.spec import LONGEST_NAME, Choice, ExperimentSpec, Student, Term, parse_spec
from distill_core.sweep_spec import SweepSpec, value_json

MOST_VARIANTS = 64
_LONGEST_SWEEP_NAME = 62


def student_of(spec: SweepSpec, values: Mapping[str, Any], catalogue: Catalogue, *, name: str = "student") -> Student:
    """The base's student with these axis values, every choice complete. Terms of no weight are left out.

    Raises SpecError where a value is no entry of the catalogue or leaves nothing to learn from.
    """
    template = spec.base.students[0]
    terms = [
        term.model_copy(update={"loss": _complete(catalogue.losses, term.loss, "term")}) for term in template.terms
    ]
    if "term" in values:
        terms = _with_term(terms, _chosen(values["term"]), catalogue)
    if "temperature" in values:
        terms = [_at_temperature(term, float(values["temperature"]), catalogue) for term in terms]
    share = values.get("teacher_share")
    teacher = share if share is not None else values.get("teacher_weight")
    labels = 1 - share if share is not None else values.get("labels_weight")
    if teacher is not None:
        terms = _weighed(terms, float(teacher), catalogue, of_teacher=True)
    if labels is not None:
        terms = _weighed(_with_labels(terms, spec, catalogue), round(float(labels), 12), catalogue, of_teacher=False)
    changes: dict[str, Any] = {
        "name": name, "terms": tuple(term for term in terms if term.weight > 0),
        "architecture": _complete(
            catalogue.architectures, _chosen(values["student"]) if "student" in values else template.architecture,
            "student",
        ),
    }
    if "start" in values:
        changes["start"] = values["start"]
    return template.model_copy(update=changes)


def epochs_of(spec: SweepSpec, values: Mapping[str, Any]) -> int:
    """The budget of these axis values."""
    return int(values.get("epochs", spec.base.student_training.epochs))


def cell_key(student: Student, epochs: int) -> str:
    """Equal for combinations that come to the same network."""
    return digest([student.model_dump(mode="json", exclude={"name"}), epochs])


def network_key(architecture: Choice) -> str:
    """Names a student network by its choice, all parameters filled in."""
    return digest(architecture.model_dump(mode="json"))


def cell_name(values: Mapping[str, Any]) -> str:
    """A variant's name, such as `T=4, teacher 0.9`; at most as long as a student's name may be."""
    told = ", ".join(_told(field, value) for field, value in values.items())
    return told if len(told) <= LONGEST_NAME else told[: LONGEST_NAME - 1] + "…"


def distinct(name: str, taken: set[str]) -> str:
    """The name, or with a number where it is taken, as where two long names were cut."""
    number, found = 2, name
    while found in taken:
        end = f" ({number})"
        number, found = number + 1, name[: LONGEST_NAME - len(end)] + end
    return found


def value_label(value: Any) -> str:
    """An axis value in few words: a number, or an entry's name with its parameters."""
    plain = value if isinstance(value, (dict, str)) else value_json(value)
    if isinstance(plain, dict):
        params = ", ".join(f"{name} {told}" for name, told in plain.get("params", {}).items())
        return f"{plain['name']} ({params})" if params else str(plain["name"])
    return plain if isinstance(plain, str) else f"{plain:.4g}"


def experiment_of(
    spec: SweepSpec, students: Sequence[Student], *, seeds: Sequence[int], epochs: int, name: str = ""
) -> ExperimentSpec:
    """The experiment that trains these variants on these seeds; not yet checked by the catalogue. Raises SpecError."""
    training = spec.base.student_training.model_copy(update={"epochs": epochs})
    made = spec.base.model_copy(
        update={
            "name": name or spec.name, "shows": spec.shows or spec.base.shows, "students": tuple(students),
            "student_training": training, "seeds": tuple(seeds),
        }
    )
    # A copy is not validated.
    return parse_spec(made.to_json())


def round_name(spec: SweepSpec, number: int, *, only: bool) -> str:
    """Of a round's experiment."""
    if only:
        return spec.name
    name = spec.name if len(spec.name) <= _LONGEST_SWEEP_NAME else spec.name[: _LONGEST_SWEEP_NAME - 1] + "…"
    return f"{name} · round {number}"


# Values -------------------------------------------------------------------------------------


def _told(field: str, value: Any) -> str:
    label = value_label(value)
    words: dict[str, str] = {
        "temperature": f"T={label}", "teacher_share": f"teacher {label}", "teacher_weight": f"teacher {label}",
        "labels_weight": f"labels {label}", "epochs": f"{label} epochs", "start": f"{label} start",
    }
    return words.get(field, label)


def _chosen(value: Any) -> Choice:
    if isinstance(value, Choice):
        return value
    return Choice(name=value) if isinstance(value, str) else Choice.model_validate(value)


def _complete(registry: Registry[Any], choice: Choice, at: str) -> Choice:
    if choice.name not in registry.names:
        remedy = "Choose one of them."
        raise SpecError([Problem(at, choice.name, ", ".join(registry.names), remedy)])
    params = registry[choice.name].resolve(choice.params, at=f"{at}.params")
    return Choice(name=choice.name, params=params.model_dump(mode="json"))


def _of_teacher(term: Term, catalogue: Catalogue) -> bool:
    return "teacher" in catalogue.losses[term.loss.name].traits


def _with_term(terms: Sequence[Term], loss: Choice, catalogue: Catalogue) -> list[Term]:
    """The first term that reads the teacher with another loss, at the temperature it had where both have one."""
    place = next((place for place, term in enumerate(terms) if _of_teacher(term, catalogue)), None)
    if place is None:
        raise SpecError([
            Problem("term", loss.name, "a student with a term that reads the teacher", "Add such a term to the base.")
        ])
    old = terms[place].loss.params.get("temperature")
    made = _complete(catalogue.losses, loss, "term")
    if old is not None and "temperature" in made.params and "temperature" not in loss.params:
        made = _complete(catalogue.losses, Choice(name=made.name, params=made.params | {"temperature": old}), "term")
    return [
        term.model_copy(update={"loss": made}) if number == place else term for number, term in enumerate(terms)
    ]


def _at_temperature(term: Term, temperature: float, catalogue: Catalogue) -> Term:
    if "temperature" not in term.loss.params:
        return term
    params = term.loss.params | {"temperature": temperature}
    return term.model_copy(update={"loss": _complete(catalogue.losses, Choice(name=term.loss.name, params=params), "")})


def _with_labels(terms: Sequence[Term], spec: SweepSpec, catalogue: Catalogue) -> list[Term]:
    if any(not _of_teacher(term, catalogue) for term in terms):
        return list(terms)
    loss = catalogue.alone_loss(catalogue.task(spec.base.data.dataset))
    return [Term(loss=_complete(catalogue.losses, Choice(name=loss), "term"), weight=1.0), *terms]


def _weighed(terms: Sequence[Term], weight: float, catalogue: Catalogue, *, of_teacher: bool) -> list[Term]:
    """The terms that read the teacher, or the others, at this weight in all, in the proportions they had."""
    meant = [term for term in terms if _of_teacher(term, catalogue) == of_teacher]
    if of_teacher and not meant:
        raise SpecError([
            Problem("teacher_weight", weight, "a student with a term that reads the teacher", "Add such a term.")
        ])
    total = sum(term.weight for term in meant)
    return [
        term.model_copy(update={"weight": _part(term.weight, total, len(meant)) * weight}) if term in meant else term
        for term in terms
    ]


def _part(weight: float, total: float, number: int) -> float:
    return weight / total if total else 1 / number


def at_field(error: SpecError, field: str, value: Any) -> SpecError:
    """The same problems, named by the axis value that brought them."""
    return SpecError([
        replace(problem, field=field, value=value_label(value)) for problem in error.problems
    ])
