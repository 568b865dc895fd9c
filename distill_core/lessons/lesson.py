"""What a lesson consists of: its words, its formula, its experiment, a control, a question and how it is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from distill_core.lessons.outcome import Outcome
from distill_core.presets import find_preset
from distill_core.spec import Choice, ExperimentSpec, Student, Term

Control = Literal["lens", "weights", "samples", "seeds", "staircase"]
"""What the reader moves: temperature and sample, the teacher's weight, what a student may see, how many seeds are
counted, the steps of a compression."""
Chart = Literal["gains", "temperatures", "classes", "staircase"]
"""The figure that shows what the experiment found."""


@dataclass(frozen=True)
class Part:
    """One thought: a short title and a few sentences, in Markdown. Both are messages of the catalogues."""

    title: str
    text: str


@dataclass(frozen=True)
class Formula:
    """`latex` is shown as mathematics; `reads` says it in words."""

    latex: str
    reads: str


@dataclass(frozen=True)
class Paper:
    """A publication, and what of it matters here. `cited` is its name in the literature, in no language."""

    cited: str
    url: str
    says: str


@dataclass(frozen=True)
class Lesson:
    """All texts are messages in English, translated where they are shown.

    `answer` says what the question's answer is, from the real figures of an experiment: a few sentences in Markdown.
    `fits` refuses an experiment of other settings that the lesson cannot speak of, in one sentence, or is empty.
    `shown_class` is where the lens begins.
    """

    number: int
    name: str
    title: str
    summary: str
    minutes: int
    """For reading and trying, without the experiment."""
    parts: tuple[Part, ...]
    formula: Formula
    make_spec: Callable[[], ExperimentSpec]
    chart: Chart
    control: Control
    control_says: str
    question: str
    answer: Callable[[Outcome], list[str]]
    fits: Callable[[ExperimentSpec], str]
    papers: tuple[Paper, ...] = ()
    shown_class: str | None = None
    temperature: float = 4.0


def preset_spec(preset: str, *, name: str = "", shows: str = "", students: tuple[Student, ...] = ()) -> ExperimentSpec:
    """A preset's settings, with other students where some are given."""
    changes: dict[str, object] = {}
    if name:
        changes |= {"name": name, "shows": shows}
    if students:
        changes["students"] = students
    return find_preset(preset).spec.model_copy(update=changes)


def student(
    name: str, *, architecture: str = "tiny-cnn", temperature: float = 4.0, from_labels: float = 0.0,
    from_teacher: float = 1.0, transfer: Literal["labelled", "all"] = "labelled",
) -> Student:
    """A variant that learns from labels and from the teacher with these weights; none of the teacher's: alone."""
    terms = []
    if from_labels:
        terms.append(Term(loss=Choice(name="cross-entropy", params={"label_smoothing": 0.0}), weight=from_labels))
    if from_teacher:
        terms.append(Term(loss=Choice(name="kd", params={"temperature": temperature}), weight=from_teacher))
    return Student(name=name, architecture=Choice(name=architecture), terms=tuple(terms), transfer=transfer)


def alone(name: str = "alone") -> Student:
    return student(name, from_labels=1.0, from_teacher=0.0)
