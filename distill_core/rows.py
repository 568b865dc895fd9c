"""Plain frozen rows: the vocabulary in which the store answers pages, charts and the command line."""

from __future__ import annotations

from dataclasses import dataclass, field

from distill_core.events import Failure, LatencyRow, LayerZeros, Role, RunState, State, StepState
from distill_core.signature import InputKind, Task
from distill_core.spec import ExperimentSpec


@dataclass(frozen=True)
class ExperimentRow:
    """One line of the experiments list. Times are seconds since the epoch; None: not yet."""

    experiment_id: str
    name: str
    state: State
    reason: str
    attempt: int
    created_at: float
    started_at: float | None
    finished_at: float | None
    dataset: str
    teacher: str
    students: tuple[str, ...]
    seeds: int
    runs_total: int
    runs_done: int
    runs_reused: int
    device: str
    busy_seconds: float = 0.0
    """Seconds of work in all finished stretches, without queueing; a stretch still going counts from `started_at`."""
    deleted: bool = False
    deleted_at: float | None = None
    owner: str = ""
    """Who launched it; empty before there was sign-in."""
    failure: Failure = ""
    token: str = ""
    rank: float | None = None
    """Place in the queue where it was moved there by hand, on the scale of `queued_at`."""
    queued_at: float | None = None


@dataclass(frozen=True)
class StepRow:
    """One step of the pipeline; `done` of `total` units, 0 of 0 when it has none."""

    step: str
    title: str
    state: StepState
    done: int
    total: int
    started_at: float | None
    finished_at: float | None
    expected_seconds: float | None = None


@dataclass(frozen=True)
class RunRow:
    """One network and all its figures; None: not (yet) measured. Accuracies in 0..1.

    Of a regression accuracy, NLL and ECE are NaN, and r2, mse and teacher_mse are there.
    """

    run_id: str
    experiment_id: str
    experiment_name: str
    role: Role
    name: str
    seed: int
    state: RunState
    architecture: str
    parameters: int
    macs: int
    size_bytes: int
    epochs: int
    samples_seen: str = ""
    reused_from: str = ""
    best_epoch: int | None = None
    stopped_epoch: int | None = None
    stop_rule: str = ""
    seconds: float | None = None
    accuracy: float | None = None
    nll: float | None = None
    ece: float | None = None
    agreement: float | None = None
    teacher_kl: float | None = None
    per_class: tuple[float, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    onnx_path: str | None = None
    onnx_size_bytes: int | None = None
    max_abs_diff: float | None = None
    same_class: int | None = None
    test_total: int | None = None
    latency: tuple[LatencyRow, ...] = ()
    latency_shared_from: str = ""
    task: Task = "classification"
    r2: float | None = None
    mse: float | None = None
    teacher_mse: float | None = None
    parent: str = ""
    """Of a compressed run: the id of the run it was made from."""
    compression_step: str = ""
    strength: float | None = None
    zipped_bytes: int | None = None
    layers: tuple[LayerZeros, ...] = ()
    compression_notes: tuple[str, ...] = ()
    validation: float | None = None
    """Accuracy or R² on the validation data with the weights that are kept, or would be if it ended now."""

    @property
    def score(self) -> float | None:
        """The figure by which networks of this task are judged: accuracy, or R² of a regression."""
        return self.r2 if self.task == "regression" else self.accuracy

    @property
    def label(self) -> str:
        """Name and seed, as charts and tables show a run."""
        return self.name if self.role == "teacher" else f"{self.name} · seed {self.seed}"


@dataclass(frozen=True)
class MeasuredRow:
    """One exported run under one set of conditions on one machine, as the latency lab has it; None: not told.

    Latencies in milliseconds a batch. `memory_bytes` is the peak of a process of its own, `runtime_bytes` what that
    held before the model came; `start_ms` is the making of the session.
    """

    result_id: str
    measured_at: float
    machine: str
    experiment_id: str
    run_id: str
    model: str
    role: Role
    size_bytes: int
    provider: str
    batch: int
    threads: int
    io_binding: bool
    p50: float
    p95: float
    p99: float
    samples_per_second: float
    samples_ms: tuple[float, ...]
    start_ms: float | None = None
    first_ms: float | None = None
    memory_bytes: int | None = None
    runtime_bytes: int | None = None
    versions: str = ""


@dataclass(frozen=True)
class NoteRow:
    at: float
    level: str
    text: str


@dataclass(frozen=True)
class WorkerRow:
    """Where an experiment runs or ran, with its latest memory figure."""

    pid: int
    device: str
    device_name: str
    threads: int
    machine: str
    versions: dict[str, str]
    memory_bytes: int = 0
    gpu_memory_bytes: int = 0
    cpu_percent: float = 0.0


@dataclass(frozen=True)
class ExperimentView:
    """All that an experiment's page shows beside its curves."""

    row: ExperimentRow
    spec: ExperimentSpec
    steps: tuple[StepRow, ...]
    runs: tuple[RunRow, ...]
    notes: tuple[NoteRow, ...]
    worker: WorkerRow | None
    class_names: tuple[str, ...] = field(default=())
    """Names of the outputs."""
    task: Task = "classification"
    input_kind: InputKind = "image"

    @property
    def teachers(self) -> tuple[RunRow, ...]:
        return tuple(run for run in self.runs if run.role == "teacher")

    @property
    def teacher(self) -> RunRow | None:
        """The first of them, whose inner layers students may read."""
        return next(iter(self.teachers), None)
