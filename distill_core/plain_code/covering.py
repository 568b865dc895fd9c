"""What plain code can show, and the sentence that refuses the rest."""

from __future__ import annotations

from collections.abc import Collection

from distill_core.errors import LabError
from distill_core.language import marked
from distill_core.plain_code.data_text import DATA
from distill_core.plain_code.loss_text import LOSSES
from distill_core.plain_code.network_text import NETWORKS
from distill_core.spec import ExperimentSpec, Student, Teacher


class NotShown(LabError):
    """A run that plain code does not cover."""


def _refused(what: str, remedy: str = "") -> NotShown:
    sentence = marked("Plain code does not cover {what}; {remedy}.")
    return NotShown(sentence.format(what=what, remedy=remedy or OTHER_SETTINGS))


def _unknown(what: str, names: Collection[str]) -> NotShown:
    remedy = marked("it covers {known}, and the settings as JSON repeat the run in this lab")
    return _refused(what, remedy.format(known=", ".join(sorted(names))))


OTHER_SETTINGS = marked("the settings as JSON repeat the run in this lab")


def compressed() -> NotShown:
    """The refusal of a compressed run."""
    return _refused(marked("compressed runs"), marked("choose the run that this one was made from"))


def check_covered(spec: ExperimentSpec, teachers: tuple[Teacher, ...], student: Student | None) -> None:
    """Raises NotShown, in one sentence, for the first setting that cannot be shown plainly."""
    dataset = spec.data.dataset
    if dataset.name not in DATA:
        raise _unknown(marked("the data set {name}").format(name=dataset.name), DATA)
    if spec.data.withheld_classes and DATA[dataset.name](dataset.params).signature.task != "classification":
        raise _refused(marked("withheld classes of sequences"))
    if spec.precision != "float32":
        raise _refused(marked("training in 16 bits"), marked("choose float32 as the precision"))
    if spec.data.corrections:
        raise _refused(marked("corrected samples"))
    if any(one.weights for one in teachers) or (student is not None and student.weights):
        raise _refused(marked("own weights to start from"))
    for choice in (*(one.architecture for one in teachers), *([student.architecture] if student else ())):
        if choice.name not in NETWORKS:
            raise _unknown(marked("the network {name}").format(name=choice.name), NETWORKS)
    if student is not None:
        _check_student(student)


def _check_student(student: Student) -> None:
    for given, what in (
        (student.start == "teacher", marked("a start with the teacher's weights")),
        (student.generator, marked("generated variants")), (student.coreset, marked("a coreset")),
    ):
        if given:
            raise _refused(what)
    for term in student.terms:
        if term.weight > 0 and term.loss.name not in LOSSES:
            raise _unknown(marked("the loss {name}").format(name=term.loss.name), LOSSES)
