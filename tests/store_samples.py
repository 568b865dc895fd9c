"""Small experiments for tests of the store, the dispatcher and the services: a spec, a folder, a few events."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from distill_core.event_log import EventLog
from distill_core.events import (
    EpochEnded,
    Event,
    LatencyMeasured,
    LatencyRow,
    OnnxExported,
    RunChanged,
    RunDeclared,
    RunFinished,
    StepChanged,
    WorkerEnded,
    WorkerStarted,
)
from distill_core.folders import Home
from distill_core.processes import read_stamp
from distill_core.spec import ExperimentSpec, parse_spec


def small_spec(name: str = "small", **changes: object) -> ExperimentSpec:
    labels = {"loss": {"name": "cross-entropy"}, "weight": 1.0}
    kd = {"loss": {"name": "kd", "params": {"temperature": 4.0}}, "weight": 1.0}
    tiny = {"name": "tiny-cnn"}
    data = {
        "name": name, "data": {"dataset": {"name": "digits"}}, "teacher": {"architecture": {"name": "small-cnn"}},
        "students": [
            {"name": "alone", "architecture": tiny, "terms": [labels]},
            {"name": "distilled", "architecture": tiny, "terms": [labels, kd]},
        ],
        "seeds": [0, 1], "device": "cpu",
    }
    return parse_spec(data | changes)


def write_events(home: Home, experiment_id: str, *events: Event) -> None:
    with closing(EventLog(home.experiment(experiment_id).events)) as log:
        for event in events:
            log(event)


def worker_started(at: float = 10.0, pid: int = 7, *, token: str = "", device: str = "cpu") -> WorkerStarted:
    return WorkerStarted(
        at=at, pid=pid, device=device, device_name="a processor", threads=2, machine="a machine",
        versions={"torch": "2"}, token=token,
    )


def declared(run_id: str, *, role: str = "student", name: str = "distilled", seed: int = 0) -> RunDeclared:
    return RunDeclared(
        at=11.0, run_id=run_id, role=role, name=name, seed=seed, architecture="tiny-cnn", parameters=1898, macs=5000,
        size_bytes=8000, teacher_terms=("kd",), epochs=3, samples_seen="100 labelled images",
    )


def epoch(run_id: str, number: int, *, loss: float = 0.5, best: bool = False) -> EpochEnded:
    return EpochEnded(
        at=12.0 + number, run_id=run_id, epoch=number, step=number * 6, learning_rate=0.01, train_loss=loss,
        validation_accuracy=0.9, validation_nll=0.3, raw_terms={"kd": loss}, weighted_terms={"kd": loss / 2},
        raw_kl=0.1, best=best, gradient_norms={"kd": 2 * loss},
    )


def finished(run_id: str, *, accuracy: float = 0.9, state: str = "finished") -> RunFinished:
    return RunFinished(
        at=20.0, run_id=run_id, state=state, best_epoch=2, stopped_epoch=3, stop_rule="budget spent", seconds=1.5,
        accuracy=accuracy, nll=0.3, ece=0.02, agreement=0.95, teacher_kl=0.1, per_class=(accuracy, 0.5),
        confusion=((9, 1), (2, 8)),
    )


def whole_story() -> list[Event]:
    """Events of a finished experiment with a teacher, a baseline and a student on two seeds."""
    names = [("t", "teacher", "teacher", 50)]
    for seed in (0, 1):
        names += [(f"a{seed}", "baseline", "alone", seed), (f"d{seed}", "student", "distilled", seed)]
    events: list[Event] = [worker_started()]
    events += [declared(run, role=role, name=name, seed=seed) for run, role, name, seed in names]
    events.append(StepChanged(at=12, step="teacher", title="Teacher", state="waiting"))
    events.append(StepChanged(at=13, step="teacher", title="Teacher", state="running", done=1, total=6))
    for run, *_ in names:
        events.append(RunChanged(at=13, run_id=run, state="training"))
        events += [epoch(run, number, best=number == 2) for number in (1, 2, 3)]
        accuracy = {"t": 0.99, "a": 0.90, "d": 0.95}[run[0]]
        events.append(finished(run, accuracy=accuracy + (0.01 if run.endswith("1") else 0.0)))
    events.append(StepChanged(at=21, step="teacher", title="Teacher", state="finished", done=6, total=6))
    row = LatencyRow(
        batch=1, threads=1, provider="CPU", p50=0.1, p95=0.2, p99=0.3, repeats=20, machine="a machine"
    )
    events.append(OnnxExported(
        at=22, run_id="t", path="runs/t/model.onnx", size_bytes=9000, max_abs_diff=1e-6, same_class=640, total=640
    ))
    events.append(LatencyMeasured(at=23, run_id="t", rows=(row,)))
    events.append(WorkerEnded(at=24, outcome="succeeded"))
    return events


def stamped(home: Home, experiment_id: str) -> bool:
    return read_stamp(home.experiment(experiment_id).worker_stamp) is not None


Tick = Callable[[], object]
