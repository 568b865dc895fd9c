"""What of a spec does not fit together: architectures, losses and generators against the data's kind and task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from distill_core.errors import Problem
from distill_core.spec import Chain, Choice, Coreset, ExperimentSpec, Student, Teacher, Views, teacher_field

if TYPE_CHECKING:
    from distill_core.catalog import Catalogue
    from distill_core.entries import Registry

_TASK_WORDS = {"classification": "classification", "tagging": "tagging of steps", "regression": "regression"}


def misfits(spec: ExperimentSpec, catalogue: Catalogue) -> Iterator[Problem]:
    """Every problem of a spec whose choices are complete."""
    kind, task = catalogue.input_kind(spec.data.dataset), catalogue.task(spec.data.dataset)
    words = f"{_TASK_WORDS[task]} of {kind} data"

    def fits(
        registry: Registry[Any], choice: Choice, needed: set[str], at: str, *, what: str, without: str = ""
    ) -> Iterator[Problem]:
        if not needed <= registry[choice.name].traits:
            able = [entry.name for entry in registry if needed <= entry.traits and without not in entry.traits]
            yield Problem(f"{at}.name", choice.name, ", ".join(able) or "none", f"Choose {what} made for {words}.")

    def views(given: Views, at: str) -> Iterator[Problem]:
        able = {"image": ("affine", "crop-flip"), "sequence": ("affine",)}.get(kind, ())
        if given.augmentation is not None and given.augmentation.kind not in able:
            yield Problem(
                f"{at}.augmentation", given.augmentation.kind, " or ".join(("none", *able)) + f", for {kind} data",
                "Choose none; a student's generator can make variants.",
            )

    for number, teacher in enumerate(spec.teachers):
        at = teacher_field(number)
        yield from fits(
            catalogue.architectures, teacher.architecture, {kind, task}, f"{at}.architecture", what="a network",
            without="cut",
        )
        yield from _teacher(teacher, catalogue, {kind, task}, at)
        if teacher.train:
            yield from views(teacher.views, f"{at}.views")
    yield from views(spec.student_views, "student_views")
    for index, student in enumerate(spec.students):
        at = f"students.{index}"
        yield from fits(
            catalogue.architectures, student.architecture, {kind, task}, f"{at}.architecture", what="a network"
        )
        for place, term in enumerate(student.terms):
            yield from fits(catalogue.losses, term.loss, {task}, f"{at}.terms.{place}.loss", what="a loss")
        if student.generator is not None:
            yield from fits(catalogue.generators, student.generator, {kind}, f"{at}.generator", what="a generator")
        yield from _student(student, catalogue, at)
        yield from _coreset(student.coreset, task, at)
    for number, chain in enumerate(spec.compression.chains):
        at = f"compression.chains.{number}"
        for place, step in enumerate(chain.steps):
            yield from fits(catalogue.compression, step, {kind, task}, f"{at}.steps.{place}", what="a step")
        yield from _order(chain, catalogue, at)
    if task != "classification" and spec.data.withheld_classes:
        yield Problem(
            "data.withheld_classes", ", ".join(spec.data.withheld_classes), f"none, for {words}", "Remove it."
        )


def _order(chain: Chain, catalogue: Catalogue, at: str) -> Iterator[Problem]:
    """A quantized file can neither be trained nor cut any more."""
    for place, step in enumerate(chain.steps[:-1]):
        if "file" in catalogue.compression[step.name].traits:
            title = catalogue.compression[step.name].title
            yield Problem(
                f"{at}.steps.{place}", title, "the last step of a chain",
                "Nothing further can be done to the file it makes; move it to the end, or into a chain of its own.",
            )


def low_bit_warnings(spec: ExperimentSpec, catalogue: Catalogue) -> list[str]:
    """Where a temperature above 2 meets training with weights of few bits."""
    found = []
    for chain in spec.compression.chains:
        low = False
        for step in chain.steps:
            entry = catalogue.compression[step.name]
            temperature = step.params.get("temperature")
            hot = isinstance(temperature, int | float) and temperature > 2 and step.params["learn_from"] == "teacher"
            if low and "trains" in entry.traits and hot:
                found.append(
                    f"“{chain.of}” is trained further with few bits a weight and T = {temperature:g}: above T = 2 the "
                    "soft labels differ by less than such weights can express. Try T = 1 or 2."
                )
            low = low or "low-bit" in entry.traits
    return found


def _teacher(teacher: Teacher, catalogue: Catalogue, needed: set[str], at: str) -> Iterator[Problem]:
    if "cut" in catalogue.architectures[teacher.architecture.name].traits:
        able = [one.name for one in catalogue.architectures if needed <= one.traits and "cut" not in one.traits]
        name = teacher.architecture.name
        yield Problem(f"{at}.architecture.name", name, ", ".join(able), "Only a student is cut from a teacher.")
    if not teacher.train and not teacher.weights:
        # Pretrained networks get a new last layer, which knows nothing yet.
        yield Problem(f"{at}.train", False, "true, without own weights", "Train the teacher, or give it own weights.")


def _student(student: Student, catalogue: Catalogue, at: str) -> Iterator[Problem]:
    if student.transfer == "all" and not catalogue.needs_teacher(student):
        yield Problem(
            f"{at}.transfer", "all", "labelled, for a student without a teacher's term",
            "Samples without labels teach nothing without a teacher: add a teacher's term or choose labelled.",
        )


def _coreset(coreset: Coreset | None, task: str, at: str) -> Iterator[Problem]:
    if coreset is not None and task != "classification" and coreset.rule != "random":
        yield Problem(f"{at}.coreset.rule", coreset.rule, "random, unless the task is classification", "Choose random.")
