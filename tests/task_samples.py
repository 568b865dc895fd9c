"""Experiments of a tagging and of a regression as a worker would have left them, saved answers included; no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_core.evaluation.figures import evaluate
from distill_core.events import (
    DataLoaded,
    EpochEnded,
    Event,
    LatencyMeasured,
    LatencyRow,
    OnnxExported,
    Role,
    RunDeclared,
    RunFinished,
    WorkerEnded,
    WorkerStarted,
)
from distill_core.folders import Home
from distill_core.signature import InputKind, Task
from distill_core.spec import ExperimentSpec, parse_spec
from distill_core.store.store import Store
from tests.store_samples import write_events

MACHINE, EPOCHS, SAMPLES, STEPS = "a test machine, 2 cores", 30, 200, 8
VALUES = ("glucose", "pressure")
TAGS = ("blank", "stroke", "corner")


@dataclass(frozen=True)
class Rival:
    """One network to be: how far off its answers are (the standard deviation of its noise)."""

    run_id: str
    role: Role
    name: str
    seed: int
    noise: float


@dataclass(frozen=True)
class Sort:
    """A kind of experiment: its task, its data and the losses that its students minimise."""

    task: Task
    kind: InputKind
    dataset: str
    shape: tuple[int, ...]
    outputs: tuple[str, ...]
    alone: str
    taught: str
    architecture: str
    noun: str


SORTS: dict[Task, Sort] = {
    "tagging": Sort(
        "tagging", "sequence", "digits-tagging", (STEPS, 8), TAGS, "cross-entropy", "kd", "lstm", "sequences"
    ),
    "regression": Sort(
        "regression", "table", "diabetes", (10,), VALUES, "squared-error", "mse-logits", "mlp", "rows"
    ),
}


def task_spec(task: Task, *, name: str = "", seeds: int = 3, teachers: int = 1) -> ExperimentSpec:
    """A teacher or several, a student alone and the same distilled."""
    sort = SORTS[task]
    network = {"name": sort.architecture}
    labels, teacher = {"loss": {"name": sort.alone}}, {"loss": {"name": sort.taught}}
    return parse_spec({
        "name": name or f"A {task}", "data": {"dataset": {"name": sort.dataset}}, "teacher": {"architecture": network},
        "more_teachers": [{"architecture": network, "seed": 60 + n} for n in range(teachers - 1)],
        "students": [
            {"name": "alone", "architecture": network, "terms": [labels]},
            {"name": "distilled", "architecture": network, "terms": [labels, teacher]},
        ],
        "student_training": {"epochs": EPOCHS}, "seeds": list(range(seeds)), "device": "cpu",
    })


def build_task_experiment(
    home: Home, task: Task, *, experiment_id: str = "", name: str = "", seeds: int = 3, teachers: int = 1,
    created_at: float = 1_790_000_000.0,
) -> str:
    """A succeeded experiment whose figures are those of its saved answers; returns its id."""
    identity, sort = experiment_id or task, SORTS[task]
    spec, store = task_spec(task, name=name, seeds=seeds, teachers=teachers), Store(home)
    store.create(spec, experiment_id=identity, created_at=created_at)
    for state in ("starting", "running"):
        store.transition(identity, expected=("queued", "starting"), to=state, at=created_at + 1)  # type: ignore[arg-type]
    rivals = _rivals(spec)
    labels, answers = _answers(sort, rivals)
    folder = home.experiment(identity)
    np.save(folder.test_labels, labels)
    for rival in rivals:
        folder.run(rival.run_id).path.mkdir(parents=True)
        np.save(folder.run(rival.run_id).test_logits, answers[rival.run_id])
    events: list[Event] = [
        WorkerStarted(
            at=created_at, pid=7, device="cpu", device_name="CPU", threads=1, machine=MACHINE, versions={"torch": "2"}
        ),
        DataLoaded(
            at=created_at, class_names=sort.outputs, shape=sort.shape, train=400, validation=40, test=SAMPLES,
            task=task, input_kind=sort.kind,
        ),
    ]
    events += [_declared(rival, sort, at=created_at) for rival in rivals]
    for rival in rivals:
        events += _curve(rival, task, at=created_at)
        teacher = None if rival.role == "teacher" else answers[rivals[0].run_id]
        events.append(_finished(rival, task, answers[rival.run_id], labels, teacher, at=created_at + 60))
    for rival in {rival.name: rival for rival in reversed(rivals)}.values():
        events += _shipped(rival, task, at=created_at + 70)
    write_events(home, identity, *events, WorkerEnded(at=created_at + 80, outcome="succeeded"))
    store.ingest(identity)
    store.transition(identity, expected=("running",), to="succeeded", at=created_at + 81)
    return identity


def _rivals(spec: ExperimentSpec) -> list[Rival]:
    rivals = [
        Rival(f"t{n}", "teacher", "teacher" if n == 0 else f"teacher {n + 1}", teacher.seed, 0.3 + 0.05 * n)
        for n, teacher in enumerate(spec.teachers)
    ]
    for seed in spec.seeds:
        rivals.append(Rival(f"a{seed}", "baseline", "alone", seed, 0.8 + 0.01 * seed))
        rivals.append(Rival(f"d{seed}", "student", "distilled", seed, 0.6 + 0.02 * seed))
    return rivals


def _answers(sort: Sort, rivals: list[Rival]) -> tuple[NDArray, dict[str, NDArray]]:
    """Labels, and answers that are the truth plus each rival's noise."""
    draw = np.random.default_rng(3)
    if sort.task == "regression":
        labels = draw.normal(size=(SAMPLES, len(sort.outputs))).astype(np.float32)
        labels[:5, 1] = np.nan
        truth = np.nan_to_num(labels)
    else:
        labels = draw.integers(0, len(sort.outputs), (SAMPLES, STEPS))
        # Padding at the end of some sequences.
        labels[:40, -2:] = -100
        truth = 2.0 * np.eye(len(sort.outputs), dtype=np.float32)[np.maximum(labels, 0)]
    return labels, {
        rival.run_id: (truth + rival.noise * draw.normal(size=truth.shape)).astype(np.float32) for rival in rivals
    }


def _declared(rival: Rival, sort: Sort, *, at: float) -> RunDeclared:
    teacher = rival.role == "teacher"
    return RunDeclared(
        at=at, run_id=rival.run_id, role=rival.role, name=rival.name, seed=rival.seed, architecture=sort.architecture,
        parameters=20_000 if teacher else 900, macs=40_000 if teacher else 1_800,
        size_bytes=80_000 if teacher else 3600,
        teacher_terms=(sort.taught,) if rival.role == "student" else (), epochs=EPOCHS,
        samples_seen=f"360 labelled {sort.noun}" if teacher else f"60 labelled {sort.noun}",
    )


def _curve(rival: Rival, task: Task, *, at: float) -> list[EpochEnded]:
    points = []
    for epoch in range(1, EPOCHS + 1):
        left = math.exp(-6 * epoch / EPOCHS)
        error = rival.noise**2 + 6 * left
        regression = {
            "validation_accuracy": math.nan, "validation_nll": math.nan, "validation_r2": 1 - error,
            "validation_mse": error,
        }
        tagging = {"validation_accuracy": 1 - rival.noise / 4 - 0.5 * left, "validation_nll": error}
        weighted = {SORTS[task].alone: error / 2}
        if rival.role == "student":
            weighted[SORTS[task].taught] = error / 3
        points.append(EpochEnded.model_validate({
            "at": at + epoch, "run_id": rival.run_id, "epoch": epoch, "step": epoch * 6, "learning_rate": 0.01,
            "train_loss": sum(weighted.values()), "raw_terms": weighted, "weighted_terms": weighted,
            "best": True, **(regression if task == "regression" else tagging),
        }))
    return points


def _finished(
    rival: Rival, task: Task, answers: NDArray, labels: NDArray, teacher: NDArray | None, *, at: float
) -> RunFinished:
    figures = evaluate(answers, labels, teacher, task=task).for_event()
    return RunFinished(
        at=at, run_id=rival.run_id, state="finished", best_epoch=EPOCHS, stopped_epoch=EPOCHS,
        stop_rule=f"all {EPOCHS} epochs; best validation kept", seconds=1.5, **figures,
    )


def _shipped(rival: Rival, task: Task, *, at: float) -> list[Event]:
    base = 0.08 if rival.role == "teacher" else 0.02
    row = LatencyRow(
        batch=1, threads=1, provider="CPUExecutionProvider", p50=base, p95=1.3 * base, p99=1.5 * base, repeats=200,
        machine=MACHINE,
    )
    total = SAMPLES if task == "regression" else SAMPLES * STEPS - 80
    return [
        OnnxExported(
            at=at, run_id=rival.run_id, path=f"runs/{rival.run_id}/model.onnx", size_bytes=9000, max_abs_diff=2e-6,
            same_class=total, total=total,
        ),
        LatencyMeasured(at=at, run_id=rival.run_id, rows=(row,)),
    ]
