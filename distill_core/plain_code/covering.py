"""What plain code can show, and the sentence that refuses the rest."""

from __future__ import annotations

from distill_core.errors import LabError
from distill_core.plain_code.data_text import DATA
from distill_core.plain_code.loss_text import LOSSES
from distill_core.plain_code.network_text import NETWORKS
from distill_core.spec import ExperimentSpec, Student, Teacher


class NotShown(LabError):
    """A run that plain code does not cover."""


def _refused(what: str, remedy: str) -> NotShown:
    return NotShown(f"Plain code does not cover {what}; {remedy}.")


OTHER_SETTINGS = "the settings as JSON repeat the run in this lab"


def check_covered(spec: ExperimentSpec, teachers: tuple[Teacher, ...], student: Student | None) -> None:
    """Raises NotShown, in one sentence, for the first setting that cannot be shown plainly."""
    if spec.data.dataset.name not in DATA:
        known = ", ".join(sorted(DATA))
        raise _refused(f"the data set {spec.data.dataset.name}", f"it covers {known}, and {OTHER_SETTINGS}")
    task = DATA[spec.data.dataset.name](spec.data.dataset.params).signature.task
    if spec.data.withheld_classes and task != "classification":
        raise _refused("withheld classes of sequences", OTHER_SETTINGS)
    if spec.data.corrections:
        raise _refused("corrected samples", OTHER_SETTINGS)
    for one in teachers:
        if one.weights:
            raise _refused("own weights to start from", OTHER_SETTINGS)
    for choice in (*(one.architecture for one in teachers), *([student.architecture] if student else ())):
        if choice.name not in NETWORKS:
            known = ", ".join(sorted(NETWORKS))
            raise _refused(f"the network {choice.name}", f"it covers {known}, and {OTHER_SETTINGS}")
    if student is not None:
        _check_student(student)


def _check_student(student: Student) -> None:
    if student.weights:
        raise _refused("own weights to start from", OTHER_SETTINGS)
    for given, what in (
        (student.start == "teacher", "a start with the teacher's weights"), (student.generator, "generated variants"),
        (student.coreset, "a coreset"),
    ):
        if given:
            raise _refused(what, OTHER_SETTINGS)
    for term in student.terms:
        if term.weight > 0 and term.loss.name not in LOSSES:
            known = ", ".join(sorted(LOSSES))
            raise _refused(f"the loss {term.loss.name}", f"it covers {known}, and {OTHER_SETTINGS}")
