"""What the home keeps of a measurement of the latency lab: what was asked, how far it is, what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator

from distill_core.deployment.latency_report import MOST_MODELS, MOST_SAMPLES, LatencyReport
from distill_core.deployment.measuring import CPU
from distill_core.errors import NotFound
from distill_core.events import Role
from distill_core.folders import Home, write_bytes
from distill_core.spec import Frozen

RecordState = Literal["measuring", "ready", "stopped", "failed"]


@dataclass(frozen=True)
class LatencyFiles:
    """The files of one measurement, all beginning with its id."""

    home: Home
    id: str

    def _named(self, ending: str) -> Path:
        return self.home.measurements / (self.id + ending)

    @property
    def record(self) -> Path:
        """What was asked and what came of it; written by the launcher, then by the measuring process alone."""
        return self._named(".json")

    @property
    def progress(self) -> Path:
        return self._named(".progress")

    @property
    def stamp(self) -> Path:
        return self._named(".stamp")

    @property
    def stop_request(self) -> Path:
        return self._named(".stop")

    @property
    def removed(self) -> Path:
        """Its presence hides the result; nothing is deleted, so that removing can be undone."""
        return self._named(".removed")

    @property
    def log(self) -> Path:
        return self._named(".log")

    def delete(self) -> None:
        for path in (self.record, self.progress, self.stamp, self.stop_request, self.removed, self.log):
            path.unlink(missing_ok=True)


class LatencyConditions(Frozen):
    """How the chosen models are measured: every batch size with every thread count."""

    provider: str = Field(CPU, max_length=100)
    batches: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field((1,), min_length=1, max_length=8)
    threads: tuple[Annotated[int, Field(ge=0, le=1024)], ...] = Field(
        (1,), min_length=1, max_length=8, description="0 means all cores this process may use."
    )
    io_binding: bool = False
    warmup: int = Field(10, ge=1, le=1000)
    repeats: int = Field(1000, ge=20, le=MOST_SAMPLES)

    @field_validator("batches", "threads")
    @classmethod
    def _each_once(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(values))


class MeasuredRun(Frozen):
    """The exported run that a digest names; what charts call it is kept, should the experiment be deleted."""

    digest: str
    experiment_id: str
    experiment_name: str
    run_id: str
    name: str
    role: Role
    graph: str = Field(description="Relative to the home folder.")


class LatencyRecord(Frozen):
    """`report` is there once the state is ready, and only then."""

    id: str
    created_at: float
    source: Literal["here", "upload"]
    state: RecordState
    reason: str = ""
    conditions: LatencyConditions | None = None
    runs: tuple[MeasuredRun, ...] = Field(min_length=1, max_length=MOST_MODELS)
    report: LatencyReport | None = None
    owner: str = ""


def write_record(files: LatencyFiles, record: LatencyRecord) -> None:
    write_bytes(files.record, record.model_dump_json().encode() + b"\n")


def read_record(files: LatencyFiles) -> LatencyRecord:
    """Raises NotFound, also for a damaged one."""
    try:
        status = files.record.stat()
        return _read(files, status.st_mtime_ns, status.st_size)
    except OSError:
        raise NotFound(f"There is no latency result {files.id[:40]!r}; choose one from the list.") from None
    except ValidationError as error:
        raise NotFound(
            f"The latency result {files.id[:40]!r} is damaged; delete it and measure again."
        ) from error


@lru_cache(maxsize=128)
def _read(files: LatencyFiles, modified_ns: int, size_bytes: int) -> LatencyRecord:
    """A page that looks again reads nothing again: a record changes only as a whole file."""
    return LatencyRecord.model_validate_json(files.record.read_bytes())
