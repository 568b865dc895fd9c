"""What a sweep is asked for: a base experiment, axes, a method, objectives and limits; frozen, and JSON on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError, field_validator, model_validator

from distill_core.errors import Problem, SpecError
from distill_core.language import marked
from distill_core.spec import LONGEST_NAME, ExperimentSpec
from distill_core.spec_parts import Choice, Frozen
from distill_core.spec_problems import problems_of

SWEEP_VERSION: Literal[1] = 1
MOST_CELLS = 4096
MOST_VALUES = 256

AxisField = Literal[
    "temperature", "teacher_share", "teacher_weight", "labels_weight", "term", "student", "start", "epochs"
]
AXIS_FIELDS: tuple[AxisField, ...] = get_args(AxisField)
AXIS_TITLES: dict[AxisField, str] = {
    "temperature": marked("temperature"), "teacher_share": marked("share learnt from the teacher"),
    "teacher_weight": marked("learn from the teacher"), "labels_weight": marked("learn from labels"),
    "term": marked("term"), "student": marked("student"), "start": marked("starting weights"),
    "epochs": marked("epochs"),
}
"""What an axis is called; show it through `_()`."""
NUMBERS: frozenset[AxisField] = frozenset({"temperature", "teacher_share", "teacher_weight", "labels_weight", "epochs"})

# Allowed values of each axis of numbers: lowest, whether it is itself allowed, highest.
_BOUNDS: dict[AxisField, tuple[float, bool, float]] = {
    "temperature": (0.0, False, 1000.0), "teacher_share": (0.0, False, 1.0), "teacher_weight": (0.0, False, 1e6),
    "labels_weight": (0.0, True, 1e6), "epochs": (1, True, 10_000),
}

AxisValue = int | float | str | Choice
"""A number; for term and student an entry's name, or a Choice with parameters; for start random or teacher."""


class Axis(Frozen):
    """One setting that differs from trial to trial: listed values, or for Random and Optuna a range of numbers."""

    field: AxisField
    values: tuple[AxisValue, ...] = Field((), max_length=MOST_VALUES)
    low: float | None = None
    high: float | None = None
    log: bool = Field(False, description="Draw from the range by its logarithm.")

    @model_validator(mode="after")
    def _fits(self) -> Axis:
        ranged = self.low is not None or self.high is not None
        if ranged == bool(self.values):
            raise ValueError("either listed values, or low and high; give one of them")
        if self.log and not ranged:
            raise ValueError("log only for a range; give low and high, or leave log off")
        if ranged:
            if self.field not in NUMBERS:
                raise ValueError("listed values, for these are no numbers; list them")
            if self.low is None or self.high is None or not self.low < self.high:
                raise ValueError("low below high; correct the range")
            if self.log and self.low <= 0:
                raise ValueError("low above 0 where the range is drawn by its logarithm; raise it, or leave log off")
            if self.field == "epochs" and (self.low % 1 or self.high % 1):
                raise ValueError("whole numbers of epochs; round low and high")
        for value in (*self.values, *(bound for bound in (self.low, self.high) if bound is not None)):
            _require_value(self.field, value)
        seen = [value_key(value) for value in self.values]
        if len(set(seen)) < len(seen):
            raise ValueError("different values; remove the repeated one")
        return self

    @property
    def ranged(self) -> bool:
        return self.low is not None


class Grid(Frozen):
    """Every combination of the axes' values."""

    kind: Literal["grid"] = "grid"


class Random(Frozen):
    """Combinations drawn at random, each once; a number of trial and seed give always the same one."""

    kind: Literal["random"] = "random"
    trials: int = Field(20, ge=1, le=MOST_CELLS)
    seed: int = Field(0, ge=0, lt=2**31)


class Optuna(Frozen):
    """Combinations that Optuna proposes from what is known so far (Akiba et al. 2019), `batch` at a time.

    tpe: tree-structured Parzen estimator (Bergstra et al. 2011); nsga2: a genetic algorithm for several objectives
    (Deb et al. 2002). The pruner judges between seeds: after 1, 2, 4 ... seeds of a trial. median: what lies below the
    median of all trials with so many seeds is pruned; halving: of each batch the better half goes on.
    """

    kind: Literal["optuna"] = "optuna"
    sampler: Literal["tpe", "nsga2"] = "tpe"
    trials: int = Field(32, ge=1, le=MOST_CELLS)
    batch: int = Field(8, ge=1, le=64, description="Trials that are proposed, and trained, together.")
    seed: int = Field(0, ge=0, lt=2**31)
    pruner: Literal["none", "median", "halving"] = "none"


Method = Annotated[Grid | Random | Optuna, Field(discriminator="kind")]

Objective = Literal["accuracy", "latency", "size", "parameters"]
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
OBJECTIVE_TITLES: dict[Objective, str] = {
    "accuracy": marked("validation accuracy up"), "latency": marked("ONNX latency down"),
    "size": marked("ONNX file size down"), "parameters": marked("parameters down"),
}


class Limits(Frozen):
    """What a trial must keep to; None: no limit. Parameters and size are known before training."""

    parameters: int | None = Field(None, ge=1, description="At most.")
    size_bytes: int | None = Field(None, ge=1, description="Of the ONNX file, at most.")
    latency_ms: float | None = Field(None, gt=0, description="Median of one sample on one thread, at most.")
    accuracy: float | None = Field(None, ge=0, le=1, description="On validation data, at least.")


class SweepSpec(Frozen):
    """One sweep: which settings of `base`'s one student are varied, how, and what is looked for.

    `base.seeds` are the seeds of every trial. The student trained alone is always there and is no trial.
    """

    version: Literal[1] = SWEEP_VERSION
    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    shows: str = Field("", max_length=1000, description="What this sweep shows, for its page.")
    base: ExperimentSpec
    axes: tuple[Axis, ...] = Field(min_length=1, max_length=len(AXIS_FIELDS))
    method: Method = Grid()
    objectives: tuple[Objective, ...] = Field(("accuracy",), min_length=1)
    limits: Limits = Limits()

    @field_validator("axes")
    @classmethod
    def _distinct_axes(cls, axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
        fields = [axis.field for axis in axes]
        if len(set(fields)) < len(fields):
            raise ValueError("each axis once; put its values together")
        if "teacher_share" in fields and {"teacher_weight", "labels_weight"} & set(fields):
            raise ValueError("either the share of the teacher, or weights; remove one of these axes")
        return axes

    @field_validator("objectives")
    @classmethod
    def _accuracy_first(cls, objectives: tuple[Objective, ...]) -> tuple[Objective, ...]:
        if len(set(objectives)) < len(objectives):
            raise ValueError("each objective once; remove the repeated one")
        if "accuracy" not in objectives:
            raise ValueError("accuracy among the objectives; the smallest network alone is no search")
        return objectives

    @field_validator("base")
    @classmethod
    def _one_student(cls, base: ExperimentSpec) -> ExperimentSpec:
        if len(base.students) != 1:
            raise ValueError("one student, whose settings the axes vary; leave only that one")
        if base.compression.chains or base.compression.sensitivity:
            raise ValueError("no compression in a sweep; compress the best trial as an experiment of its own")
        return base

    def axis(self, field: AxisField) -> Axis | None:
        return next((axis for axis in self.axes if axis.field == field), None)

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


def value_key(value: Any) -> str:
    """Equal for equal axis values, whether they came from JSON or are Choices; 4 and 4.0 are equal."""
    plain = value_json(value)
    return json.dumps(float(plain) if isinstance(plain, (int, float)) else plain, sort_keys=True)


def value_json(value: AxisValue) -> Any:
    """As trials hold it: a number, a name, or {"name", "params"} where there are parameters."""
    if isinstance(value, Choice):
        return value.model_dump(mode="json") if value.params else value.name
    return value


def parse_sweep(data: Any) -> SweepSpec:
    """Build a sweep's spec from parsed JSON; raises SpecError with every problem found."""
    if not isinstance(data, dict):
        raise SpecError([Problem("sweep", data, "a JSON object", "See a preset for an example.")])
    version = data.get("version", SWEEP_VERSION)
    if isinstance(version, int) and version > SWEEP_VERSION:
        raise SpecError(
            [Problem("version", version, f"up to {SWEEP_VERSION}", "Update Distill Lab to open this newer sweep.")]
        )
    try:
        return SweepSpec.model_validate(data)
    except ValidationError as error:
        raise SpecError(problems_of(error)) from None


def read_sweep(path: Path) -> SweepSpec:
    """Read a file with a sweep's spec; raises SpecError for anything that is not a valid one."""
    try:
        return parse_sweep(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SpecError([Problem("sweep", str(path), "a readable file", f"{error.strerror}.")]) from None
    except ValueError as error:
        raise SpecError([Problem("sweep", str(path), "valid JSON", f"{error}.")]) from None


def _require_value(field: AxisField, value: AxisValue) -> None:
    """Raises ValueError for a value that no experiment could have; whether an entry exists the catalogue tells."""
    if field in NUMBERS:
        low, low_allowed, high = _BOUNDS[field]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError("numbers; correct the values")
        if value > high or value < low or (value == low and not low_allowed):
            least = f"from {low:g}" if low_allowed else f"above {low:g}"
            raise ValueError(f"numbers {least} to {high:g}; correct the values")
        if field == "epochs" and value % 1:
            raise ValueError("whole numbers of epochs; round the values")
    elif field == "start":
        if value not in ("random", "teacher"):
            raise ValueError("random or teacher; correct the values")
    elif not isinstance(value, (str, Choice)) or value == "":
        raise ValueError("names of entries of the catalogue; correct the values")
