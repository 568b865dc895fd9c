"""What a plan consists of: networks to train and to compress, each named by the digest of all that determines it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from distill_core.events import Role
from distill_core.spec import Choice, Frozen, Student, Teacher, Term, Training

# Raised whenever training changes in a way that changes a trained network's weights; entries bring their own `code`.
TRAINING_VERSION = 2
Precision = Literal["float32", "bfloat16"]
"""What networks compute with while they train."""


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
    precision: Precision = "float32"
    """What the spec's `precision` meant on the device where the experiment began."""


@dataclass(frozen=True)
class PlannedStep:
    """One compression step of one run."""

    parent: str
    """The id of the run it is applied to."""
    choice: Choice
    earlier: tuple[Choice, ...]
    """The steps before it, since the trained network."""
    strength: float | None
    training: Training | None = None
    """The budget, if it trains."""


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
    """Whether a term reads the teacher."""
    weights: str = ""
    """Own weights to start from."""
    student: Student | None = None
    """All settings of a variant; None for a teacher."""
    teacher: Teacher | None = None
    """All settings of a teacher; None for a student."""
    compression: PlannedStep | None = None
    """What makes a compressed run; its `student` or `teacher` is that of the variant it descends from."""


@dataclass(frozen=True)
class PlannedCohort:
    """All student variants of one seed, trained in one pass."""

    seed: int
    runs: tuple[PlannedRun, ...]


@dataclass(frozen=True)
class Plan:
    teachers: tuple[PlannedRun, ...]
    cohorts: tuple[PlannedCohort, ...]
    compressed: tuple[PlannedRun, ...] = ()
    """Parents before their children."""

    @property
    def teacher(self) -> PlannedRun:
        """The first, whose inner layers and weights terms read."""
        return self.teachers[0]

    @property
    def runs(self) -> tuple[PlannedRun, ...]:
        return (*self.trained, *self.compressed)

    @property
    def trained(self) -> tuple[PlannedRun, ...]:
        """Teachers and students, whom nothing was made from."""
        return (*self.teachers, *(run for cohort in self.cohorts for run in cohort.runs))


def digest(content: Any) -> str:
    """16 hexadecimal digits that name a JSON value."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def code_key(kind: str, choice: Choice) -> str:
    """How an origin names an entry's code."""
    return f"{kind} {choice.name}"
