"""Reads what measure.py and the latency lab write, and refuses whatever else an upload may hold; loads no torch."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from distill_core.deployment.measuring import FORMAT
from distill_core.errors import LabError

LARGEST_BYTES = 8_000_000
MOST_MODELS, MOST_CELLS, MOST_SAMPLES = 16, 256, 10_000
_LONGEST_MS = 3_600_000.0
# The figures are written unrounded; only another program's quantiles would differ by more.
_ALIKE = 1e-6

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Milliseconds = Annotated[float, Field(gt=0, le=_LONGEST_MS)]
Bytes = Annotated[int, Field(ge=0, le=2**50)]
Short = Annotated[str, Field(min_length=1, max_length=100)]


class ReportProblem(LabError):
    """A file that is no latency report, or one that is not right."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class MeasuredModel(_Part):
    digest: Digest
    size_bytes: Bytes


class Cell(_Part):
    """One model under one set of conditions: see timing.figures_of and measuring.probe."""

    model: Digest
    provider: Short
    batch: Annotated[int, Field(ge=1, le=4096)]
    threads: Annotated[int, Field(ge=1, le=1024)]
    io_binding: bool
    p50_ms: Milliseconds
    p95_ms: Milliseconds
    p99_ms: Milliseconds
    samples_per_second: Annotated[float, Field(gt=0)]
    samples_ms: Annotated[list[Milliseconds], Field(min_length=20, max_length=MOST_SAMPLES)]
    start_ms: Milliseconds | None
    first_ms: Milliseconds | None
    memory_bytes: Bytes | None
    runtime_bytes: Bytes | None

    @model_validator(mode="after")
    def _figures_fit(self) -> Cell:
        found = [float(value) for value in np.percentile(self.samples_ms, (50, 95, 99))]
        told = [self.p50_ms, self.p95_ms, self.p99_ms]
        speed = self.batch * 1000 / self.p50_ms
        if not np.allclose([*told, self.samples_per_second], [*found, speed], rtol=_ALIKE, atol=_ALIKE):
            raise ValueError("figures that fit the single times beside them")
        return self


class LatencyReport(_Part):
    """All that one machine told at one time; `measured_at` is seconds since the epoch by its own clock."""

    format: Literal["distill-lab-latency"]
    version: Literal[1]
    measured_at: Annotated[float, Field(ge=0, le=1e11)]
    machine: Annotated[str, Field(min_length=1, max_length=200)]
    system: Annotated[str, Field(max_length=100)]
    warmup: Annotated[int, Field(ge=0, le=10_000)]
    versions: Annotated[dict[Short, Short], Field(max_length=10)]
    models: Annotated[list[MeasuredModel], Field(min_length=1, max_length=MOST_MODELS)]
    cells: Annotated[list[Cell], Field(min_length=1, max_length=MOST_CELLS)]

    @model_validator(mode="after")
    def _cells_have_models(self) -> LatencyReport:
        known = [model.digest for model in self.models]
        if len(set(known)) != len(known) or not {cell.model for cell in self.cells} <= set(known):
            raise ValueError("cells of the models that it lists, each listed once")
        return self


def parse_report(content: bytes) -> LatencyReport:
    """Raises ReportProblem: one sentence that says what, what is allowed and what to do."""
    if len(content) > LARGEST_BYTES:
        raise ReportProblem(
            f"The file has {len(content) / 1e6:.0f} MB; allowed: up to {LARGEST_BYTES / 1e6:.0f} MB. Measure with "
            "fewer repeats or conditions."
        )
    # A file of anything else would otherwise be answered with a list of all that it lacks.
    if FORMAT.encode() not in content[:200]:
        raise ReportProblem(
            "The file is no latency report; allowed: the JSON file that a bundle's measure.py writes. Run "
            "python measure.py in the bundle's folder on that machine and choose the file it names."
        )
    try:
        return LatencyReport.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        reason = first["msg"].removeprefix("Value error, ").rstrip(".")
        raise ReportProblem(
            f"The latency report is not right at {where[:80]}: {reason[:120]}. Measure again and leave the file as "
            "measure.py wrote it."
        ) from error
