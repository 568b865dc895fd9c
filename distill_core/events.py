"""What happens to an experiment, one JSON line each: the only thing a worker tells the world."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, TypeAdapter

from distill_core.signature import InputKind, Task

State = Literal["queued", "starting", "running", "stopping", "succeeded", "failed", "cancelled", "lost"]
RunState = Literal["waiting", "training", "finished", "stopped", "diverged", "refused", "reused"]
Role = Literal["teacher", "baseline", "student", "compressed"]
StepState = Literal["waiting", "running", "finished", "skipped"]
Failure = Literal[
    "", "killed", "out-of-memory", "gpu-out-of-memory", "disk-full", "lost-lease",
    "diverged", "bad-spec", "missing-data", "no-result", "error",
]
"""Why a worker came to no result. The first five pass and are tried again; the others would only come again."""
PASSING: frozenset[Failure] = frozenset({"killed", "out-of-memory", "gpu-out-of-memory", "disk-full", "lost-lease"})


def _number(value: float | None) -> float | str | None:
    """JSON has no NaN; a diverged loss must survive the wire all the same."""
    return value if value is None or math.isfinite(value) else repr(float(value))


Number = Annotated[float, PlainSerializer(_number, when_used="json")]


class Event(BaseModel):
    """`at` is seconds since the epoch by the clock of the process that wrote it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    at: float


class StateChanged(Event):
    """The experiment as a whole moved; written to the journal by launcher and dispatcher."""

    kind: Literal["state"] = "state"
    state: State
    reason: str = ""
    attempt: int = 0
    failure: Failure = ""
    token: str = Field("", description="Of `starting`: the fencing token of this attempt; later changes leave it.")


class QueueRanked(Event):
    """A waiting experiment was moved in the queue; written to the journal. Lower ranks begin first."""

    kind: Literal["rank"] = "rank"
    rank: float = Field(description="On the scale of queued_at, which is the rank of whoever was never moved.")


class WorkerStarted(Event):
    kind: Literal["worker"] = "worker"
    token: str = Field("", description="The fencing token this worker was started with.")
    pid: int
    device: str
    device_name: str
    threads: int
    machine: str
    versions: dict[str, str]


class ThreadsChosen(Event):
    """How many threads train, found by timing; WorkerStarted told only the most there may be."""

    kind: Literal["threads"] = "threads"
    threads: int


class DataLoaded(Event):
    """The dataset as read; `class_names` are the names of the outputs, `notes` tell what was skipped."""

    kind: Literal["data"] = "data"
    class_names: tuple[str, ...]
    shape: tuple[int, ...]
    train: int
    validation: int
    test: int
    notes: tuple[str, ...] = ()
    task: Task = "classification"
    input_kind: InputKind = "image"


class StepChanged(Event):
    """A step of the pipeline: teacher, cohort:<seed>, evaluate, export, latency."""

    kind: Literal["step"] = "step"
    step: str
    title: str
    state: StepState
    done: int = 0
    total: int = 0
    expected_seconds: float | None = Field(None, description="For the whole step, from timing a few of its steps.")


class RunDeclared(Event):
    """A run the pipeline will make; all are declared first, so that the page can show them waiting."""

    kind: Literal["run"] = "run"
    run_id: str
    role: Role
    name: str
    seed: int
    architecture: str
    parameters: int
    macs: int
    size_bytes: int
    teacher_terms: tuple[str, ...] = ()
    epochs: int
    samples_seen: str = Field("", description="In words: what this run may learn from.")
    parent: str = Field("", description="Of a compressed run: the run it was made from.")
    compression_step: str = Field("", description="Of a compressed run: the entry that made it.")
    strength: Number | None = Field(None, description="Of a compressed run: how strong that step was, if it says.")


class RunChanged(Event):
    kind: Literal["run-state"] = "run-state"
    run_id: str
    state: RunState
    reused_from: str = Field("", description="Experiment id when the run was not trained again.")


class EpochEnded(Event):
    """Means over one epoch of one run, and its validation. Losses in nats.

    Of a regression accuracy and NLL are NaN and the last two fields are there, as in RunFinished.
    """

    kind: Literal["epoch"] = "epoch"
    run_id: str
    epoch: int = Field(description="1 is the first finished epoch.")
    step: int
    learning_rate: float
    train_loss: Number
    validation_accuracy: Number
    validation_nll: Number
    raw_terms: dict[str, Number] = Field(default_factory=dict)
    weighted_terms: dict[str, Number] = Field(default_factory=dict)
    gradient_norms: dict[str, Number] = Field(
        default_factory=dict,
        description="Of each weighted term, by the student's parameters, on the last batch; often not measured.",
    )
    raw_kl: Number | None = Field(None, description="KL(teacher || student) at T=1 on the validation samples.")
    best: bool = Field(False, description="The best validation so far.")
    validation_r2: Number | None = None
    validation_mse: Number | None = None


class RunFinished(Event):
    """Final figures of a run, measured on the test set with the restored epoch; see evaluation.figures.Figures."""

    kind: Literal["run-finished"] = "run-finished"
    run_id: str
    state: RunState
    best_epoch: int
    stopped_epoch: int
    stop_rule: str
    seconds: float
    accuracy: Number
    nll: Number
    ece: Number
    agreement: Number | None = None
    teacher_kl: Number | None = None
    per_class: tuple[Number, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    r2: Number | None = None
    mse: Number | None = None
    teacher_mse: Number | None = None


class LayerZeros(BaseModel):
    """How many of a layer's weights, biases left out, are exactly 0."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    layer: str
    weights: int
    zeros: int


class RunCompressed(Event):
    """What a compression step made: the network's new sizes."""

    kind: Literal["compressed"] = "compressed"
    run_id: str
    parameters: int
    macs: int
    size_bytes: int = Field(description="Of the weights as the file stores them.")
    zipped_bytes: int = Field(description="Of the ONNX file, deflated: zeros and few bits pack well.")
    layers: tuple[LayerZeros, ...] = ()
    notes: tuple[str, ...] = ()


class OnnxExported(Event):
    """Of a quantized file the differences are from the file it was made of; of all others from PyTorch."""

    kind: Literal["onnx"] = "onnx"
    run_id: str
    path: str = Field(description="Relative to the experiment's folder.")
    size_bytes: int
    max_abs_diff: Number
    same_class: int
    total: int


class LatencyRow(BaseModel):
    """Milliseconds a batch, on the machine and provider named with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    batch: int
    threads: int
    provider: str
    p50: float
    p95: float
    p99: float
    repeats: int
    machine: str


class LatencyMeasured(Event):
    kind: Literal["latency"] = "latency"
    run_id: str
    rows: tuple[LatencyRow, ...]
    shared_from: str = Field("", description="Run whose identical graph was measured in its stead.")


class Resources(Event):
    kind: Literal["resources"] = "resources"
    memory_bytes: int
    gpu_memory_bytes: int = 0
    cpu_percent: float = 0.0


class Noted(Event):
    """A line for the reader of the page."""

    kind: Literal["note"] = "note"
    text: str
    level: Literal["info", "warning", "error"] = "info"


class WorkerEnded(Event):
    """The worker's own last word; without it the worker was lost."""

    kind: Literal["ended"] = "ended"
    outcome: Literal["succeeded", "failed", "cancelled"]
    reason: str = ""
    failure: Failure = ""
    token: str = Field("", description="As in WorkerStarted: a predecessor's last word must not end its successor.")


AnyEvent = Annotated[
    StateChanged
    | QueueRanked
    | WorkerStarted
    | ThreadsChosen
    | DataLoaded
    | StepChanged
    | RunDeclared
    | RunChanged
    | EpochEnded
    | RunFinished
    | RunCompressed
    | OnnxExported
    | LatencyMeasured
    | Resources
    | Noted
    | WorkerEnded,
    Field(discriminator="kind"),
]
_adapter: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)
Emit = Callable[[Event], None]


def parse_event(line: str | bytes) -> AnyEvent:
    return _adapter.validate_json(line)


def to_plain(event: Event) -> dict[str, Any]:
    return json.loads(event.model_dump_json())
