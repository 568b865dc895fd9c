"""What of an experiment cannot be trained, which only its data and networks can tell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from distill_core.datasets.samples import example_inputs
from distill_core.errors import NotFound, Problem, WeightsMismatch
from distill_core.language import marked
from distill_core.losses.term import StepTensors
from distill_core.plan import with_baselines
from distill_core.spec import Choice, Student, Term, Training, Views, teacher_field
from distill_core.training.compression_problems import compression_problems
from distill_core.training.objective import NetworkTaps, active_term
from distill_core.training.taps import Shape, UnknownTap, list_taps

if TYPE_CHECKING:
    from distill_core.training.preparation import Checked

LARGEST_VIEWS_BYTES = 4 * 2**30


def find_problems(checked: Checked) -> Iterator[Problem]:
    """Every problem of an experiment whose data are loaded; the networks' own only once they can be built."""
    yield from _batch_problems(checked)
    unfit = list(_network_problems(checked))
    yield from unfit
    if not unfit:
        yield from _start_problems(checked)
        yield from _term_problems(checked)
        yield from compression_problems(checked)
    yield from _twin_problems(checked)


def _batch_problems(checked: Checked) -> Iterator[Problem]:
    def look(field: str, training: Training, views: Views, samples: int) -> Iterator[Problem]:
        rows = samples * (views.fixed_views or 1)
        if training.batch_size > rows:
            yield Problem(
                f"{field}.batch_size",
                training.batch_size,
                f"at most {rows}",
                f"There are only {samples} training samples; lower the batch size.",
            )
        size = math.prod(checked.data.shape) * rows
        if views.fixed_views and size > LARGEST_VIEWS_BYTES:
            yield Problem(
                f"{field.replace('training', 'views')}.fixed_views",
                views.fixed_views,
                f"at most {max(views.fixed_views * LARGEST_VIEWS_BYTES // size, 1)}",
                "More would not fit in memory; draw fresh views at each step instead.",
            )

    spec = checked.spec
    for number, teacher in enumerate(spec.teachers):
        if teacher.train:
            at = teacher_field(number)
            yield from look(f"{at}.training", teacher.training, teacher.views, len(checked.split.teacher))
    students = with_baselines(spec, checked.catalogue)
    sizes = {kind: checked.transfer(seed=spec.seeds[0], kind=kind) for kind in {one.transfer for one in students}}
    for index, student in enumerate(spec.students):
        there = len(sizes[student.transfer].indices)
        if student.coreset is not None and student.coreset.size > there:
            yield Problem(
                f"students.{index}.coreset.size", student.coreset.size, f"at most {there}",
                "A coreset is a part of the samples the student may see.",
            )
    smallest = min(one.coreset.size if one.coreset else len(sizes[one.transfer].indices) for one in students)
    yield from look("student_training", spec.student_training, spec.student_views, smallest)
    # Each process passes its share of every batch, so everybody needs a sample.
    trainings = (spec.student_training, *(one.training for one in spec.teachers if one.train))
    fewest = min(training.batch_size for training in trainings)
    if spec.processes > fewest:
        yield Problem("processes", spec.processes, f"at most {fewest}, the smallest batch", "Choose fewer processes.")
    if spec.processes > 1 and spec.precision == "bfloat16":
        yield Problem(
            "precision", spec.precision, "float32 with several processes", "Choose float32, or train with one process."
        )


def _network_problems(checked: Checked) -> Iterator[Problem]:
    """Networks that cannot be built for the data, or given their own weights."""
    places = [
        (teacher_field(number), one.architecture, one.weights) for number, one in enumerate(checked.spec.teachers)
    ]
    places += [(f"students.{i}", one.architecture, one.weights) for i, one in enumerate(checked.spec.students)]
    tried: set[tuple[str, str]] = set()
    for field, choice, weights in places:
        key = choice.model_dump_json(), weights
        if key in tried:
            continue
        tried.add(key)
        try:
            unfit = _why_unfit(checked, choice)
            if unfit is None and weights:
                checked.network(choice, seed=0, weights=weights)
        except (WeightsMismatch, NotFound) as error:
            yield Problem(f"{field}.weights", weights, "weights of this architecture", error.sentence)
            continue
        if unfit is not None:
            size = "x".join(str(side) for side in checked.data.shape)
            yield Problem(
                f"{field}.architecture", choice.name,
                f"an architecture that accepts {checked.signature.noun} of {size}",
                unfit or "Choose another one, or larger images.",
            )


def _why_unfit(checked: Checked, choice: Choice) -> str | None:
    """None if a network fits; else its own sentence, or nothing if it has none."""
    signature = checked.signature
    try:
        network = checked.network(choice, seed=0)
    except ValueError as error:
        return _sentence(error)
    except (RuntimeError, IndexError, ZeroDivisionError):
        return ""
    try:
        # Shapes alone: on the device "meta" nothing is computed.
        with torch.no_grad():
            answer = network.to("meta").eval()(example_inputs(signature, device="meta"))
    # Layers complain about small images in many ways; the user needs only to know that it does not fit.
    except (RuntimeError, ValueError, IndexError, ZeroDivisionError):
        return ""
    return None if tuple(answer.shape[1:]) == signature.answer_shape else ""


def _start_problems(checked: Checked) -> Iterator[Problem]:
    """Students that would start from the teacher's weights and share none with it."""
    for index, student in enumerate(checked.spec.students):
        if student.start == "teacher":
            own = checked.network(student.architecture, seed=0).state_dict()
            theirs = checked.network(checked.spec.teacher.architecture, seed=0).state_dict()
            if not shared_weights(own, theirs):
                yield Problem(
                    f"students.{index}.start", "teacher",
                    "random, for a network that shares no weight with the teacher",
                    "Choose the teacher's architecture, one cut from it, or a random start.",
                )


def shared_weights(own: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The other network's tensors that have the same name and shape here."""
    return {name: value for name, value in theirs.items() if name in own and own[name].shape == value.shape}


def _term_problems(checked: Checked) -> Iterator[Problem]:
    """Terms whose layers do not exist or cannot be paired."""
    taps: dict[str, Mapping[str, Shape]] = {}

    def taps_of(choice: Choice) -> Mapping[str, Shape]:
        key = choice.model_dump_json()
        if key not in taps:
            taps[key] = list_taps(checked.network(choice, seed=0), checked.signature)
        return taps[key]

    for index, student in enumerate(checked.spec.students):
        for number, term in enumerate(student.terms):
            entry = checked.catalogue.losses[term.loss.name]
            if term.weight <= 0:
                continue
            if not entry.reads_taps:
                yield from _refusal(checked, term, student, f"students.{index}.terms.{number}.loss")
                continue
            both = NetworkTaps(taps_of(student.architecture), taps_of(checked.spec.teacher.architecture))
            at = f"students.{index}.terms.{number}.loss.params"
            try:
                active_term(term, checked.catalogue.losses, both)
            except UnknownTap as error:
                field = "student_tap" if error.whose == "student" else "teacher_tap"
                yield Problem(f"{at}.{field}", error.wanted, ", ".join(error.known) or "none", "Choose one of them.")
            except ValueError as error:
                wanted = term.loss.params.get("student_tap") or "the last that fits"
                allowed = "a layer that this loss can pair with the teacher's"
                yield Problem(f"{at}.student_tap", wanted, allowed, _sentence(error))


def _refusal(checked: Checked, term: Term, student: Student, at: str) -> Iterator[Problem]:
    """A term that cannot be computed for so many outputs or these weights, told by trying it on made-up answers."""
    entry, params = checked.catalogue.losses.resolve(term.loss)
    own = theirs = None
    if "weights" in entry.traits:
        own = _weights_of(checked, student.architecture)
        theirs = _weights_of(checked, checked.spec.teacher.architecture)
    answers = torch.linspace(-1, 1, 4 * checked.signature.outputs).view(4, -1)
    regression = checked.signature.task == "regression"
    labels = answers.clone() if regression else torch.arange(4) % checked.signature.outputs
    try:
        entry.build(params, None)(
            StepTensors(answers, answers.flip(0), labels, student_weights=own, teacher_weights=theirs)
        )
    except ValueError as error:
        allowed = "a loss that can be computed for these " + ("outputs" if own is None else "networks")
        yield Problem(f"{at}.name", term.loss.name, allowed, _sentence(error))


# What losses call shapes in what they refuse, for the catalogues: their own files are part of the names of runs.
_SHAPES = (
    marked("a map ({sizes})"), marked("a sequence of steps ({sizes})"), marked("a vector ({sizes})"),
    marked("{dimensions} dimensions ({sizes})"), marked("a single number"),
)


def _sentence(error: ValueError) -> str:
    """What a plug-in refuses with, as a remedy is written."""
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."


def _weights_of(checked: Checked, choice: Choice) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in checked.network(choice, seed=0).named_parameters()}


def _twin_problems(checked: Checked) -> Iterator[Problem]:
    """Two students that differ in name alone are one run: its second name would have no figures."""
    seen: dict[str, str] = {}
    names = [student.name for student in checked.spec.students]
    for run in checked.plan.cohorts[0].runs:
        if run.run_id in seen:
            field = f"students.{names.index(run.name)}" if run.name in names else "students"
            yield Problem(
                field, run.name, f"something other than {seen[run.run_id]!r} does", "Change or remove one of the two."
            )
        seen[run.run_id] = run.name
