"""Sweeps for tests: small specs, and a lab whose experiments end at once with made-up accuracies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from distill_core.catalog import Catalogue
from distill_core.events import (
    EpochEnded,
    Event,
    Failure,
    LatencyMeasured,
    LatencyRow,
    OnnxExported,
    RunChanged,
    RunDeclared,
    RunFinished,
    State,
)
from distill_core.folders import Home
from distill_core.jobs.sweeping import Sweeper
from distill_core.plan import with_baselines
from distill_core.planned import digest
from distill_core.services import Lab
from distill_core.spec import ExperimentSpec, Student
from distill_core.sweep_rows import SweepResults
from distill_core.sweep_spec import SweepSpec, parse_sweep
from tests.store_samples import worker_started, write_events

ALONE = 0.80
Accuracy = Callable[[Student, int], float]


def sweep_data(**changes: Any) -> dict[str, Any]:
    """A grid of two temperatures and two shares on two seeds."""
    base = {
        "name": "base", "data": {"dataset": {"name": "digits"}, "student_labels": 100},
        "teacher": {"architecture": {"name": "small-cnn"}},
        "students": [{
            "name": "student", "architecture": {"name": "tiny-cnn"},
            "terms": [
                {"loss": {"name": "cross-entropy"}, "weight": 0.5},
                {"loss": {"name": "kd", "params": {"temperature": 4.0}}, "weight": 0.5},
            ],
        }],
        "student_training": {"epochs": 3}, "seeds": [0, 1], "device": "cpu",
    }
    data: dict[str, Any] = {
        "name": "a map", "base": base | changes.pop("base", {}),
        "axes": [{"field": "temperature", "values": [1, 4]}, {"field": "teacher_share", "values": [0.5, 1]}],
    }
    return data | changes


def sweep_spec(**changes: Any) -> SweepSpec:
    return parse_sweep(sweep_data(**changes))


def optuna_data(**changes: Any) -> dict[str, Any]:
    """Optuna over a range of temperatures and four widths."""
    method = {"kind": "optuna", "trials": 12, "batch": 4} | changes.pop("method", {})
    widths = [{"name": "tiny-cnn", "params": {"width": width}} for width in (2, 4, 8, 16)]
    axes = [{"field": "temperature", "low": 1, "high": 16, "log": True}, {"field": "student", "values": widths}]
    return sweep_data(**({"axes": axes, "method": method} | changes))


def temperature_of(student: Student) -> float:
    return next((float(term.loss.params["temperature"]) for term in student.terms if term.loss.name == "kd"), 0.0)


def width_of(student: Student) -> int:
    return int(student.architecture.params.get("width", 8))


def by_temperature(student: Student, seed: int) -> float:
    """Best at T=8, a little noise by the seed; alone 80%."""
    temperature = temperature_of(student)
    if not temperature:
        return ALONE + seed / 1000
    return 0.95 - abs(temperature - 8) / 100 + seed / 1000


def states(found: SweepResults) -> list[str]:
    return [one.state for one in found.trials]


class SweepLab:
    """A lab and its sweeper, without processes. `play` does what a dispatcher and a worker would."""

    def __init__(self, home: Home, catalogue: Catalogue, *, accuracy: Accuracy = by_temperature) -> None:
        self.now, self.accuracy, self.catalogue = 1000.0, accuracy, catalogue
        self.lab = Lab(home, clock=self.clock)
        self.lab._starter = NoDispatcher()  # type: ignore[assignment]
        self.sweeper = self.new_sweeper()

    def clock(self) -> float:
        self.now += 0.5
        return self.now

    def new_sweeper(self) -> Sweeper:
        """As a dispatcher that begins anew has it."""
        self.sweeper = Sweeper(
            self.lab.home, self.lab.store, lambda: self.catalogue, clock=self.clock, monotonic=lambda: self.now
        )
        return self.sweeper

    def launch(self, data: Mapping[str, Any], **options: Any) -> str:
        return self.lab.sweeps.launch(self.lab.sweeps.complete(dict(data)), **options)

    def queued(self) -> list[str]:
        return [row.experiment_id for row in self.lab.store.in_states({"queued", "starting", "running", "stopping"})]

    def play(self, sweep_id: str, *, rounds: int = 50, outcome: State = "succeeded", missing: str = "") -> None:
        """Tick and end every experiment as it comes, until the sweep has ended or so many rounds are through."""
        for _ in range(rounds):
            self.sweeper.tick()
            for experiment_id in self.queued():
                self.end(experiment_id, outcome=outcome, missing=missing)
            self.sweeper.tick()
            if not self.lab.sweeps.find(sweep_id).going:
                return

    def end(
        self, experiment_id: str, *, outcome: State = "succeeded", missing: str = "", reason: str = "",
        failure: Failure = "",
    ) -> None:
        """Write what a worker would have told; `missing`: a variant whose runs are not there."""
        spec = self.lab.store.experiment(experiment_id).spec
        self.lab.store.transition(experiment_id, expected={"queued"}, to="starting", at=self.clock(), attempt=1)
        self.lab.store.transition(experiment_id, expected={"starting"}, to="running", at=self.clock())
        write_events(self.lab.home, experiment_id, worker_started(), *self._story(spec, missing))
        self.lab.store.ingest(experiment_id)
        told = reason or ("" if outcome == "succeeded" else f"It {outcome}.")
        self.lab.store.transition(
            experiment_id, expected={"running"}, to=outcome, at=self.clock(), reason=told, failure=failure
        )

    def _story(self, spec: ExperimentSpec, missing: str) -> list[Event]:
        events: list[Event] = []
        for student in with_baselines(spec, self.catalogue):
            for place, seed in enumerate(spec.seeds):
                run_id = run_id_of(spec, student, seed)
                events += self._run(spec, student, seed, run_id, there=student.name != missing)
                if place == 0 and student.name != missing:
                    events += self._exported(run_id, student)
        return events

    def _run(self, spec: ExperimentSpec, student: Student, seed: int, run_id: str, *, there: bool) -> list[Event]:
        epochs, accuracy = spec.student_training.epochs, self.accuracy(student, seed)
        events: list[Event] = [
            RunDeclared(
                at=1, run_id=run_id, role="student" if temperature_of(student) else "baseline", name=student.name,
                seed=seed, architecture=student.architecture.name, parameters=width_of(student) * 200, macs=1,
                size_bytes=width_of(student) * 800, epochs=epochs,
            ),
            RunChanged(at=2, run_id=run_id, state="training"),
        ]
        for epoch in range(1, epochs + 1):
            # The best epoch is the last but one: its validation accuracy is what counts.
            value = accuracy + 0.01 if epoch == epochs - 1 else accuracy - 0.05
            events.append(
                EpochEnded(
                    at=3, run_id=run_id, epoch=epoch, step=epoch, learning_rate=0.1, train_loss=1.0,
                    validation_accuracy=value, validation_nll=0.5, raw_terms={}, weighted_terms={},
                    best=epoch == epochs - 1,
                )
            )
        if there:
            events.append(
                RunFinished(
                    at=4, run_id=run_id, state="finished", best_epoch=epochs - 1, stopped_epoch=epochs, stop_rule="all",
                    seconds=1.0, accuracy=accuracy, nll=0.4, ece=0.1,
                )
            )
        return events

    def _exported(self, run_id: str, student: Student) -> list[Event]:
        width = width_of(student)
        rows = tuple(
            LatencyRow(
                batch=batch, threads=threads, provider="CPU", p50=width * batch / 100, p95=1, p99=1, repeats=20,
                machine="m",
            )
            for batch in (1, 32) for threads in (1, 0)
        )
        return [
            OnnxExported(
                at=5, run_id=run_id, path="model.onnx", size_bytes=width * 1000, max_abs_diff=0.0, same_class=1, total=1
            ),
            LatencyMeasured(at=5, run_id=run_id, rows=rows),
        ]


class NoDispatcher:
    """Starts nobody; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def ensure(self) -> None:
        self.asked += 1


def run_id_of(spec: ExperimentSpec, student: Student, seed: int) -> str:
    """As the plan names runs: by what determines them, not by the variant's name."""
    return digest([student.model_dump(mode="json", exclude={"name"}), spec.student_training.epochs, seed])
