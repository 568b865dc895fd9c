"""What sweeps are told as: plans, forecasts, rows and results, plain and frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from distill_core.events import LatencyRow, RunState
from distill_core.signature import Task
from distill_core.sweep_spec import Objective, SweepSpec

SweepState = Literal["running", "stopping", "finished", "stopped", "failed"]
SWEEP_STATES: tuple[SweepState, ...] = get_args(SweepState)
"""running: also while its experiment waits in the queue. finished: every trial has come to its end."""
GOING: frozenset[SweepState] = frozenset({"running", "stopping"})
TrialState = Literal["waiting", "training", "finished", "pruned", "refused", "failed", "stopped"]
TRIAL_STATES: tuple[TrialState, ...] = get_args(TrialState)
RoundOutcome = Literal["", "succeeded", "failed", "cancelled"]
Values = Mapping[str, Any]
"""By axis field: a number, a name, or {"name", "params"}; in the order of the axes."""


@dataclass(frozen=True)
class Trial:
    """One combination that a sweep has made, as its folder keeps it; what it found is told by its runs."""

    number: int
    name: str
    values: Values
    twins: tuple[Values, ...]
    epochs: int
    batch: int
    """Trials that were proposed together."""
    refused: str = ""
    pruned: str = ""
    attrs: Mapping[str, Any] = field(default_factory=dict)
    """What Optuna's sampler keeps with a trial."""


@dataclass(frozen=True)
class Round:
    """One experiment of a sweep: which trials it trains on which seeds. `number` counts from 1."""

    number: int
    at: float
    experiment_id: str
    trials: tuple[int, ...]
    seeds: tuple[int, ...]
    outcome: RoundOutcome = ""
    """Empty until the sweep has taken note of its end, and again once it is resumed."""
    reason: str = ""
    reopened_at: float | None = None


@dataclass(frozen=True)
class SweepRun:
    """Of one run of a sweep's experiments, what its results need. None: not (yet) measured."""

    experiment_id: str
    run_id: str
    name: str
    seed: int
    state: RunState
    validation: float | None
    """Of its best epoch: accuracy, or R² of a regression."""
    test: float | None
    epochs_done: int
    epochs: int
    parameters: int
    onnx_size_bytes: int | None
    latency: tuple[LatencyRow, ...]
    task: Task


@dataclass(frozen=True)
class Cell:
    """One combination of a plan. `number` counts from 0 and is that of the trial it becomes."""

    number: int
    name: str
    values: Values
    twins: tuple[Values, ...] = ()
    """Other combinations that come to the same student, such as temperatures of a loss that has none."""
    refused: str = ""
    """Why it is not trained; a sentence, empty for most."""


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep would make, known at once. Of Optuna `cells` is empty: it proposes them as it goes."""

    spec: SweepSpec
    cells: tuple[Cell, ...]
    trials: int
    """At most."""
    experiments: int
    """At most, with one for each budget and for 64 variants each."""
    runs: int
    """Trials by seeds, those of the student alone, and the teachers; at most."""
    notes: tuple[str, ...] = ()
    """Sentences, such as how many combinations are the same and made once."""


@dataclass(frozen=True)
class NetworkFigures:
    """An untrained student network. `latency_p50_ms` of one sample on one thread; None: not measured now."""

    architecture: Any
    """A name, or {"name", "params"}."""
    title: str
    parameters: int
    size_bytes: int
    latency_p50_ms: float | None


@dataclass(frozen=True)
class Forecast:
    """What a sweep will cost, and which of its cells will not be trained. Of Optuna at most so much."""

    seconds: float
    runs: int
    reused: int
    """Of the runs, those that are trained already and only taken over."""
    experiments: int
    networks: tuple[NetworkFigures, ...]
    refused: tuple[Cell, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SweepRow:
    """One line of the list of sweeps. Times are seconds since the epoch; None: not yet."""

    sweep_id: str
    name: str
    state: SweepState
    reason: str
    created_at: float
    finished_at: float | None
    owner: str
    spec: SweepSpec
    trials: int
    """Made so far."""
    trials_ended: int
    """Of those, how many are pruned or refused, or were in a round of all seeds that has ended."""
    runs_total: int
    """Of its experiments so far."""
    runs_done: int
    experiment_ids: tuple[str, ...]
    """In the order of their rounds, counted from 1."""
    broken_off: tuple[int, ...] = ()
    """Numbers of the rounds that failed or were stopped and can go on: resuming the sweep goes on with them."""
    deleted: bool = False
    deleted_at: float | None = None

    @property
    def going(self) -> bool:
        return self.state in GOING

    @property
    def resumable(self) -> bool:
        """Also one that finished, of which some rounds were broken off."""
        return self.state in ("stopped", "failed") or (self.state == "finished" and self.broken_off != ())


@dataclass(frozen=True)
class Spread:
    """The mean over seeds with its 95% interval (Student's t); mean None without a seed, interval below two seeds."""

    mean: float | None
    low: float | None
    high: float | None
    seeds: int


@dataclass(frozen=True)
class SeedFigures:
    """One run. Accuracies in 0..1 (R² of a regression), None: not yet; gains are over the student alone, same seed."""

    seed: int
    validation: float | None
    test: float | None
    gain: float | None
    """Of test accuracy."""
    validation_gain: float | None


@dataclass(frozen=True)
class TrialResult:
    """One trial with all that is known of it. Validation accuracy is what chooses; test accuracy is only shown."""

    number: int
    name: str
    values: Values
    twins: tuple[Values, ...]
    state: TrialState
    reason: str
    """A sentence for pruned, refused, failed and stopped; show it through `told`."""
    seeds: tuple[SeedFigures, ...]
    """Finished runs alone, in the order of the spec's seeds."""
    validation: Spread
    test: Spread
    gain: Spread
    validation_gain: Spread
    architecture: Any
    parameters: int | None = None
    size_bytes: int | None = None
    """Of the ONNX file."""
    latency_p50_ms: float | None = None
    """One sample on one thread; one measurement for all trials of the same graph."""
    experiment_id: str = ""
    """The newest experiment that trains or trained it."""
    variant: str = ""
    """Its name there."""
    limits_broken: tuple[str, ...] = ()
    """Sentences."""
    costs_broken: tuple[str, ...] = ()
    """Those of parameters, size and latency, which no further seed can mend."""
    on_front: bool = False
    progress: float = 0.0
    """Share of its epochs that are done, 0..1; while it trains."""


@dataclass(frozen=True)
class AloneResult:
    """A student network trained alone with one budget, beside which its trials stand."""

    name: str
    architecture: Any
    start: str
    epochs: int
    seeds: tuple[SeedFigures, ...]
    validation: Spread
    test: Spread
    trials: tuple[int, ...]
    """The numbers of the trials that are compared with it."""


@dataclass(frozen=True)
class SweepResults:
    """All of a sweep at one moment."""

    row: SweepRow
    trials: tuple[TrialResult, ...]
    alone: tuple[AloneResult, ...]
    objectives: tuple[Objective, ...]
    metric: Literal["accuracy", "r2"]
    """What stands for accuracy: of a regression R²."""
    best: int | None
    """The trial of the best mean validation accuracy that keeps to the limits."""
    counts: Mapping[TrialState, int]
    latency_where: LatencyRow | None = None
    """One of the measurements, for its batch, threads (0: all), provider and machine; None without any."""
    front: tuple[int, ...] = field(default=())
    """Numbers of the trials that no other beats in every objective, by the first objective, best first."""


@dataclass(frozen=True)
class Importance:
    """How much of the differences in validation accuracy each axis explains; shares add up to 1."""

    shares: Mapping[str, float]
    trials: int
    evaluator: str
    """Name and source of the method, for people."""
