"""What a user asks for: the experiment, frozen, typed and round-tripping through JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from distill_core.errors import Problem, SpecError
from distill_core.spec_parts import AdamW as AdamW
from distill_core.spec_parts import Affine as Affine
from distill_core.spec_parts import Choice, Frozen, Training, Views
from distill_core.spec_parts import CropFlip as CropFlip
from distill_core.spec_parts import Sgd as Sgd
from distill_core.spec_problems import problems_of

SPEC_VERSION: Literal[1] = 1
LONGEST_NAME = 80
MOST_TEACHERS = 8


class Data(Frozen):
    """Which samples each rival may learn from. Test data never chooses anything."""

    dataset: Choice
    validation_fraction: float = Field(0.1, gt=0, le=0.5)
    split_seed: int = Field(0, ge=0, lt=2**31)
    teacher_labels: int | None = Field(None, ge=2, description="Labelled samples the teacher learns from; None: all.")
    student_labels: int | None = Field(
        None, ge=2, description="Of those, labelled samples the students learn from; None: all."
    )
    withheld_classes: tuple[str, ...] = Field((), description="Classes of which no student ever sees a sample.")
    corrections: str = Field(
        "", pattern=r"^([0-9a-f]{16})?$", description="A frozen set of corrected samples to learn from; empty: none."
    )


WeightsId = Annotated[str, Field(pattern=r"^([0-9a-f]{16})?$")]
"""An uploaded weights file, named by its content; empty for none."""


class Teacher(Frozen):
    """A network the students imitate; trained on all the labels it may know."""

    architecture: Choice
    training: Training = Training()
    views: Views = Views()
    seed: int = Field(50, ge=0, lt=2**31)
    weights: WeightsId = Field("", description="Own weights to start from.")
    train: bool = Field(True, description="Off: own weights teach as they are.")
    weight: float = Field(1.0, gt=0, le=1e6, description="How much its logits count in the mean of several teachers.")


class Term(Frozen):
    """One weighted term of a student's loss."""

    loss: Choice
    weight: float = Field(1.0, ge=0, le=1e6)
    schedule: Literal["constant", "warm-up", "decay"] = Field(
        "constant", description="warm-up: the weight rises from 0 in a straight line; decay: it falls to 0."
    )
    schedule_fraction: float = Field(
        0.5, gt=0, le=1, description="Share of all steps that a warm-up takes from the start, or a decay to the end."
    )


class Coreset(Frozen):
    """Few samples chosen by a stated rule instead of many: data distillation.

    random: drawn by the seed; herding: in each class the mean of the teacher's logits is kept (Welling 2009);
    k-centre: each next sample is the farthest from those chosen (Sener and Savarese 2018);
    uncertain: where the teacher's best two classes are closest (margin sampling, Scheffer et al. 2001).
    """

    size: int = Field(ge=2, le=10_000_000)
    rule: Literal["random", "herding", "k-centre", "uncertain"] = "herding"


class Student(Frozen):
    """One variant: an architecture, what it minimises and which samples it sees."""

    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    architecture: Choice
    terms: tuple[Term, ...] = Field(min_length=1)
    transfer: Literal["labelled", "all"] = Field(
        "labelled",
        description="labelled: only samples with labels; all: also those without, which only a teacher's term uses.",
    )
    generator: Choice | None = Field(None, description="What makes variants of the samples; none: as they are.")
    generated_share: float = Field(0.5, gt=0, le=1, description="Share of each batch that variants replace.")
    coreset: Coreset | None = Field(None, description="A few samples chosen by a rule; none: all.")
    start: Literal["random", "teacher"] = Field(
        "random", description="teacher: begins with the teacher's weights wherever name and shape are the same."
    )
    weights: WeightsId = Field("", description="Own weights to start from.")

    @field_validator("terms")
    @classmethod
    def _some_weight(cls, terms: tuple[Term, ...]) -> tuple[Term, ...]:
        if not any(term.weight > 0 for term in terms):
            raise ValueError("at least one weight above 0; give labels or the teacher a weight")
        if len({term.loss.model_dump_json() for term in terms}) < len(terms):
            raise ValueError("each loss once with the same settings; add up the weights of the repeated one")
        return terms

    @model_validator(mode="after")
    def _one_start(self) -> Student:
        if self.weights and self.start == "teacher":
            raise ValueError("one start: own weights or the teacher's; choose one")
        return self


class Latency(Frozen):
    """Conditions under which ONNX latency is measured; 0 threads means all cores."""

    batches: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = Field((1, 32), min_length=1)
    threads: tuple[Annotated[int, Field(ge=0, le=1024)], ...] = Field((1, 0), min_length=1)
    warmup: int = Field(10, ge=1, le=1000)
    repeats: int = Field(200, ge=20, le=100_000)


class Chain(Frozen):
    """Compression steps applied one after the other to a trained variant; each makes a run of its own."""

    of: str = Field(min_length=1, max_length=LONGEST_NAME, description="The variant's name, or teacher.")
    steps: tuple[Choice, ...] = Field(min_length=1, max_length=12)
    seeds: Literal["all", "first"] = Field("all", description="Of which seeds' runs.")

    @field_validator("of", mode="before")
    @classmethod
    def _of_something(cls, of: Any) -> Any:
        if of == "":
            raise ValueError("the name of a variant, or teacher; choose what is compressed")
        return of

    @field_validator("steps", mode="before")
    @classmethod
    def _some_step(cls, steps: Any) -> Any:
        if steps in ((), []):
            raise ValueError("at least one step; add a step, or remove the chain")
        return steps


class Compression(Frozen):
    """What is made smaller after the training."""

    chains: tuple[Chain, ...] = Field((), max_length=64)
    sensitivity: bool = Field(
        False, description="Also measure, layer by layer and all together, what accuracy each strength costs."
    )

    @field_validator("chains")
    @classmethod
    def _distinct_chains(cls, chains: tuple[Chain, ...]) -> tuple[Chain, ...]:
        if len({chain.model_dump_json(exclude={"seeds"}) for chain in chains}) < len(chains):
            raise ValueError("different chains; remove the repeated one")
        return chains


class ExperimentSpec(Frozen):
    """One experiment: one dataset, one teacher or several, 1..n student variants, seeds and budget."""

    version: Literal[1] = SPEC_VERSION
    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    shows: str = Field("", max_length=1000, description="What this experiment shows, for its page.")
    data: Data
    teacher: Teacher
    more_teachers: tuple[Teacher, ...] = Field(
        (), max_length=MOST_TEACHERS - 1,
        description="They teach together: students see the weighted mean of all teachers' logits.",
    )
    students: tuple[Student, ...] = Field(min_length=1, max_length=64)
    student_training: Training = Training()
    student_views: Views = Views()
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**31)], ...] = Field((0, 1, 2, 3, 4), min_length=1, max_length=100)
    compression: Compression = Compression()
    latency: Latency = Latency()
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto: the first that is free.")
    precision: Literal["float32", "bfloat16", "auto"] = Field(
        "float32",
        description="What networks compute with while they train. bfloat16: forward passes in 16 bits, losses and "
        "statistics in 32, much faster on large networks (recurrent ones stay in 32 bits on a GPU); auto: that where "
        "the device has it built in.",
    )
    gpu_memory_gb: float | None = Field(
        None, gt=0, le=1024, description="What it needs of a GPU, which it then shares; None: the whole GPU."
    )
    processes: int = Field(
        1, ge=1, le=64,
        description="How many processes share each batch, a GPU each. The result is that of one, but for rounding.",
    )

    @field_validator("seeds")
    @classmethod
    def _distinct_seeds(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("different seeds; a repeated seed is the same run twice")
        return seeds

    @field_validator("students")
    @classmethod
    def _distinct_names(cls, students: tuple[Student, ...]) -> tuple[Student, ...]:
        names = [student.name for student in students]
        if len(set(names)) < len(names):
            raise ValueError("different names; rename one of the students")
        return students

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        """All of them; terms that read inner layers or weights read the first."""
        return self.teacher, *self.more_teachers

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


def teacher_field(number: int) -> str:
    """Where a spec names its teachers, counted from 0."""
    return "teacher" if number == 0 else f"more_teachers.{number - 1}"


def parse_spec(data: Any) -> ExperimentSpec:
    """Build a spec from parsed JSON; raises SpecError with every problem found."""
    if not isinstance(data, dict):
        raise SpecError([Problem("spec", data, "a JSON object", "See a preset for an example.")])
    version = data.get("version", SPEC_VERSION)
    if isinstance(version, int) and version > SPEC_VERSION:
        raise SpecError(
            [Problem("version", version, f"up to {SPEC_VERSION}", "Update Distill Lab to open this newer spec.")]
        )
    try:
        return ExperimentSpec.model_validate(data)
    except ValidationError as error:
        raise SpecError(problems_of(error)) from None


def read_spec(path: Path) -> ExperimentSpec:
    """Read a spec file; raises SpecError for anything that is not a valid spec."""
    try:
        return parse_spec(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SpecError([Problem("spec", str(path), "a readable file", f"{error.strerror}.")]) from None
    except ValueError as error:
        raise SpecError([Problem("spec", str(path), "valid JSON", f"{error}.")]) from None
