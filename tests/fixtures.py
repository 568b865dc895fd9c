"""Builds experiments as a worker would have left them: spec, journal and events, with plausible figures, no torch."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from distill_core.event_log import EventLog
from distill_core.events import (
    DataLoaded,
    EpochEnded,
    Event,
    LatencyMeasured,
    LatencyRow,
    LayerZeros,
    Noted,
    OnnxExported,
    Resources,
    Role,
    RunChanged,
    RunCompressed,
    RunDeclared,
    RunFinished,
    StepChanged,
    WorkerEnded,
    WorkerStarted,
)
from distill_core.folders import Home
from distill_core.planned import digest
from distill_core.presets import find_preset
from distill_core.spec import ExperimentSpec, Student, parse_spec
from distill_core.store.store import Store

CLASSES = tuple("0123456789")
TEST_EACH = 64
MACHINE = "a test machine, 2 cores"
STARTED = 1_790_000_000.0
# Final test accuracy by words in a variant's name; what the fixture's curves climb to.
LEVELS = (("teacher", 0.990), ("T=8", 0.967), ("T=16", 0.950), ("T=4", 0.960), ("T=1", 0.942), ("smoothing", 0.943))
ALONE_LEVEL = 0.928
STEPS = (("export", "ONNX export and parity"), ("latency", "ONNX latency"))


def preset_spec(preset: str = "digits", /, *, seeds: int = 5, **changes: object) -> ExperimentSpec:
    """A preset's spec with fewer seeds and other top-level fields replaced."""
    data = find_preset(preset).spec.to_json() | {"seeds": list(range(seeds))} | changes
    return parse_spec(data)


@dataclass
class FakeRun:
    run_id: str
    role: Role
    name: str
    seed: int
    architecture: str
    epochs: int
    terms: dict[str, float]
    level: float
    shrunk: float = 1.0
    slowed: float = 1.0


@dataclass
class FakeWorker:
    """Writes an experiment step by step with a clock of its own; `ingest` makes what is written visible."""

    store: Store
    experiment_id: str
    spec: ExperimentSpec
    at: float = STARTED
    runs: list[FakeRun] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._log = EventLog(self.store.home.experiment(self.experiment_id).events)
        self.runs = _runs_of(self.spec)

    def emit(self, event: Event) -> None:
        self._log(event)

    def ingest(self) -> None:
        self.store.ingest(self.experiment_id)

    def begin(self) -> None:
        """From queued to running, with the data and every run announced."""
        self.store.transition(self.experiment_id, expected=("queued",), to="starting", at=self._tick())
        self.emit(
            WorkerStarted(
                at=self._tick(), pid=4242, device="cpu", device_name="CPU", threads=1, machine=MACHINE,
                versions={"python": "3.11", "torch": "2.15", "onnxruntime": "1.31"},
            )
        )
        self.store.transition(self.experiment_id, expected=("starting",), to="running", at=self._tick())
        self.emit(
            DataLoaded(
                at=self.at, class_names=CLASSES, shape=(1, 8, 8), train=1157, validation=116, test=TEST_EACH * 10,
            )
        )
        for run in self.runs:
            teacher = run.role == "teacher"
            self.emit(
                RunDeclared(
                    at=self.at, run_id=run.run_id, role=run.role, name=run.name, seed=run.seed,
                    architecture=run.architecture, parameters=25_978 if teacher else 1_898,
                    macs=598_000 if teacher else 24_000, size_bytes=103_912 if teacher else 7_592,
                    teacher_terms=("kd",) if run.role == "student" else (), epochs=run.epochs,
                    samples_seen="1,157 labelled images" if teacher else "100 labelled images",
                )
            )
        for step, title in self._steps():
            self.emit(StepChanged(at=self.at, step=step, title=title, state="waiting"))
        self.emit(Resources(at=self.at, memory_bytes=412_000_000, cpu_percent=98.0))

    def train(self, run: FakeRun, *, until: int | None = None, start: int = 1) -> None:
        """Epochs `start` to `until` (all by default) of one run, without its end."""
        if start == 1:
            self.emit(RunChanged(at=self._tick(), run_id=run.run_id, state="training"))
        noise = random.Random(run.run_id)
        best = 0.0
        for epoch in range(1, (until or run.epochs) + 1):
            progress = 1 - math.exp(-4.5 * epoch / run.epochs)
            accuracy = min(1.0, 0.1 + (run.level - 0.1) * progress + noise.gauss(0, 0.006))
            is_best, best = accuracy > best, max(best, accuracy)
            if epoch < start:
                continue
            weighted = {name: weight * (2.3 * (1 - progress) + 0.05) for name, weight in run.terms.items()}
            self.emit(
                EpochEnded(
                    at=self._tick(0.2), run_id=run.run_id, epoch=epoch, step=epoch * 25, learning_rate=0.01,
                    train_loss=sum(weighted.values()), validation_accuracy=accuracy,
                    validation_nll=2.3 * (1 - progress) + 4 * (1 - run.level), raw_terms=weighted,
                    weighted_terms=weighted, raw_kl=0.1, best=is_best,
                )
            )

    def finish(self, run: FakeRun, *, teacher_agrees: float = 0.95) -> None:
        """The final figures of one run."""
        jitter = random.Random(run.run_id).gauss(0, 0.004)
        per_class, confusion = _figures(run, jitter)
        accuracy = sum(confusion[k][k] for k in range(10)) / (TEST_EACH * 10)
        self.emit(
            RunFinished(
                at=self._tick(), run_id=run.run_id, state="finished", best_epoch=max(1, run.epochs - 3),
                stopped_epoch=run.epochs, stop_rule=f"all {run.epochs} epochs; best validation accuracy kept",
                seconds=run.epochs * 0.05, accuracy=accuracy, nll=3.2 * (1 - accuracy), ece=0.6 * (1 - accuracy),
                agreement=None if run.role == "teacher" else teacher_agrees + jitter,
                teacher_kl=None if run.role == "teacher" else 0.08, per_class=per_class, confusion=confusion,
            )
        )

    def step(self, step: str, title: str, state: str, *, done: int = 0, total: int = 0) -> None:
        self.emit(StepChanged.model_validate(
            {"at": self._tick(), "step": step, "title": title, "state": state, "done": done, "total": total}
        ))

    def export(self, run: FakeRun, *, shared_from: str = "") -> None:
        """ONNX with its parity, then its latency."""
        teacher = run.role == "teacher"
        self.emit(
            OnnxExported(
                at=self._tick(), run_id=run.run_id, path=f"runs/{run.run_id}/model.onnx",
                size_bytes=108_000 if teacher else round(9_400 * run.shrunk), max_abs_diff=3.1e-6,
                same_class=TEST_EACH * 10, total=TEST_EACH * 10,
            )
        )
        base = 0.21 if teacher else 0.017 * run.slowed
        rows = tuple(
            LatencyRow(
                batch=batch, threads=threads, provider="CPUExecutionProvider", p50=base * batch**0.8,
                p95=1.2 * base * batch**0.8, p99=1.5 * base * batch**0.8, repeats=200, machine=MACHINE,
            )
            for batch in (1, 32)
            for threads in (1, 2)
        )
        self.emit(LatencyMeasured(at=self._tick(), run_id=run.run_id, rows=rows, shared_from=shared_from))

    def compress(
        self, parent: FakeRun, step: str, label: str, *, loss: float = 0.0, shrinks: float = 1.0, slows: float = 1.0,
        zeros: float = 0.0, strength: float | None = None, refused: str = "",
    ) -> FakeRun:
        """A compressed child, declared and made: so much accuracy less, a file so many times the size and so on."""
        run = FakeRun(
            run_id=digest([parent.run_id, step, label]), role="compressed", name=f"{parent.name} › {label}",
            seed=parent.seed, architecture=parent.architecture, epochs=0, terms={}, level=parent.level - loss,
            shrunk=parent.shrunk * shrinks, slowed=parent.slowed * slows,
        )
        small = parent.architecture != "small-cnn"
        self.emit(RunDeclared(
            at=self._tick(), run_id=run.run_id, role="compressed", name=run.name, seed=run.seed,
            architecture=run.architecture, parameters=1_898 if small else 25_978, macs=24_000 if small else 598_000,
            size_bytes=7_592 if small else 103_912, epochs=0, parent=parent.run_id, compression_step=step,
            strength=strength,
        ))
        if refused:
            self.emit(RunFinished(
                at=self._tick(), run_id=run.run_id, state="refused", best_epoch=0, stopped_epoch=0, stop_rule=refused,
                seconds=0.0, accuracy=math.nan, nll=math.nan, ece=math.nan,
            ))
            return run
        layers = [LayerZeros(layer=name, weights=900, zeros=round(900 * zeros)) for name in ("0", "3", "7")]
        size = round(9_400 * run.shrunk)
        self.emit(RunCompressed(
            at=self._tick(), run_id=run.run_id, parameters=1_898, macs=24_000, size_bytes=round(7_592 * run.shrunk),
            zipped_bytes=round(size * (1 - zeros / 2)), layers=tuple(layers),
        ))
        self.export(run)
        self.finish(run)
        return run

    def complete(self, *, then: Callable[[FakeWorker], object] | None = None) -> None:
        """Everything that is still to do, to a successful end; `then` comes right before it."""
        self.begin()
        teacher, *students = self.runs
        self.step("teacher", "Teacher", "running", total=800)
        self.train(teacher)
        self.finish(teacher)
        self.step("teacher", "Teacher", "finished", done=800, total=800)
        for seed in self.spec.seeds:
            title = f"Students, seed {seed}"
            self.step(f"cohort:{seed}", title, "running", total=1000)
            for run in (run for run in students if run.seed == seed):
                self.train(run)
                self.finish(run)
            self.step(f"cohort:{seed}", title, "finished", done=1000, total=1000)
        first = [run for run in students if run.seed == self.spec.seeds[0]]
        for run in (teacher, *first):
            self.export(run, shared_from="" if run in (teacher, first[0]) else first[0].run_id)
        for step, title in STEPS:
            self.step(step, title, "finished", done=len(first) + 1, total=len(first) + 1)
        if then is not None:
            then(self)
        self.end()

    def end(self, outcome: str = "succeeded", reason: str = "") -> None:
        if reason:
            self.emit(Noted(at=self._tick(), text=reason, level="warning"))
        self.emit(WorkerEnded.model_validate({"at": self._tick(), "outcome": outcome, "reason": reason}))
        self.ingest()
        self.store.transition(
            self.experiment_id, expected=("running", "stopping"), to=outcome, at=self._tick(), reason=reason  # type: ignore[arg-type]
        )

    def _steps(self) -> list[tuple[str, str]]:
        cohorts = [(f"cohort:{seed}", f"Students, seed {seed}") for seed in self.spec.seeds]
        return [("teacher", "Teacher"), *cohorts, *STEPS]

    def _tick(self, seconds: float = 0.5) -> float:
        self.at += seconds
        return self.at


def create_experiment(
    home: Home, *, spec: ExperimentSpec | None = None, experiment_id: str = "", created_at: float = STARTED
) -> FakeWorker:
    """A queued experiment and the pen that goes on writing it."""
    chosen = spec or preset_spec()
    identity = experiment_id or digest({"name": chosen.name, "at": created_at})
    store = Store(home)
    store.create(chosen, experiment_id=identity, created_at=created_at)
    return FakeWorker(store=store, experiment_id=identity, spec=chosen, at=created_at)


def build_finished_experiment(
    home: Home, *, spec: ExperimentSpec | None = None, experiment_id: str = "", created_at: float = STARTED
) -> str:
    """A succeeded experiment with all its figures; returns its id."""
    worker = create_experiment(home, spec=spec, experiment_id=experiment_id, created_at=created_at)
    worker.complete()
    return worker.experiment_id


def build_compressed_experiment(
    home: Home, *, seeds: int = 2, experiment_id: str = "", created_at: float = STARTED
) -> str:
    """A succeeded experiment whose distilled T=8 went down a staircase, int8 slower than before; returns its id."""
    steps = [{"name": "magnitude-pruning", "params": {"sparsity": 0.5}}, {"name": "fine-tuning"}]
    spec = preset_spec(seeds=seeds, compression={"chains": [{"of": "distilled T=8", "steps": steps}]})
    worker = create_experiment(home, spec=spec, experiment_id=experiment_id, created_at=created_at)

    def stairs(worker: FakeWorker) -> None:
        for run in [run for run in worker.runs if run.name == "distilled T=8"]:
            pruned = worker.compress(run, "magnitude-pruning", "50% zeros", loss=0.2, zeros=0.5, strength=0.5)
            tuned = worker.compress(pruned, "fine-tuning", "fine-tuned (teacher)", loss=-0.19, zeros=0.5)
            worker.compress(tuned, "static-int8", "int8 static", shrinks=0.5, slows=1.5, zeros=0.5)
            worker.compress(run, "structured-pruning", "50% cut", refused="Its graph cannot be cut; prune otherwise.")

    worker.complete(then=stairs)
    return worker.experiment_id


def build_running_experiment(
    home: Home, *, spec: ExperimentSpec | None = None, experiment_id: str = "", created_at: float = STARTED
) -> FakeWorker:
    """An experiment whose teacher is done and whose first cohort has trained for ten epochs."""
    worker = create_experiment(home, spec=spec, experiment_id=experiment_id, created_at=created_at)
    worker.begin()
    teacher, *students = worker.runs
    worker.step("teacher", "Teacher", "running", total=800)
    worker.train(teacher)
    worker.finish(teacher)
    worker.step("teacher", "Teacher", "finished", done=800, total=800)
    seed = worker.spec.seeds[0]
    for run in (run for run in students if run.seed == seed):
        worker.train(run, until=10)
    worker.step(f"cohort:{seed}", f"Students, seed {seed}", "running", done=250, total=1000)
    worker.ingest()
    return worker


def _runs_of(spec: ExperimentSpec) -> list[FakeRun]:
    def name_of(parts: list[object]) -> str:
        return digest([spec.to_json()["data"], spec.to_json()["students"], *parts])

    teacher = FakeRun(
        run_id=name_of(["teacher"]), role="teacher", name="teacher", seed=spec.teacher.seed,
        architecture=spec.teacher.architecture.name, epochs=spec.teacher.training.epochs, terms={"cross-entropy": 1.0},
        level=0.99,
    )
    students = [
        FakeRun(
            run_id=name_of([student.name, seed]), role=_role(student), name=student.name, seed=seed,
            architecture=student.architecture.name, epochs=spec.student_training.epochs,
            terms={term.loss.name: term.weight for term in student.terms}, level=_level(student.name),
        )
        for seed in spec.seeds
        for student in spec.students
    ]
    return [teacher, *students]


def _role(student: Student) -> Role:
    return "student" if any(term.loss.name != "cross-entropy" for term in student.terms) else "baseline"


def _level(name: str) -> float:
    return next((level for word, level in LEVELS if word in name), ALONE_LEVEL)


def _figures(run: FakeRun, jitter: float) -> tuple[tuple[float, ...], tuple[tuple[int, ...], ...]]:
    """Accuracy of each class and a confusion matrix that agree with each other."""
    noise = random.Random(run.run_id + "confusion")
    matrix = []
    for truth in range(10):
        wrong = round(TEST_EACH * max(0.0, 1 - run.level - jitter + noise.gauss(0, 0.01)))
        row = [0] * 10
        row[truth] = TEST_EACH - wrong
        for _ in range(wrong):
            row[noise.choice([k for k in range(10) if k != truth])] += 1
        matrix.append(tuple(row))
    return tuple(matrix[k][k] / TEST_EACH for k in range(10)), tuple(matrix)
