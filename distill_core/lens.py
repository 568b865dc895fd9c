"""The dark-knowledge lens: a few test samples with all that an experiment's networks answered to them; no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_core.access import Acting, needs
from distill_core.deployment.test_inputs import TestInputs, place_of_test_inputs, read_test_inputs
from distill_core.errors import LabError, NotFound
from distill_core.evaluation.epoch_answers import EpochAnswers, read_epoch_answers, watched_rows
from distill_core.evaluation.saved import DamagedAnswers, mapped_answers
from distill_core.folders import ExperimentFolder, Home
from distill_core.ingestion.looks import Picture, small_picture, text_of
from distill_core.remembered import Remembered, stamp
from distill_core.rows import ExperimentView, RunRow
from distill_core.signature import InputKind
from distill_core.store.store import Store
from distill_core.trying import Trying

__all__ = ["Lens", "LensNetwork", "LensSample", "LensUnfit", "LensView"]

MOST_NETWORKS = 8
_MOST_KEPT = 4
_MOST_NUMBERS = 6
_LEARNERS = ("baseline", "student")


class LensUnfit(LabError):
    """The lens cannot look at this experiment."""


@dataclass(frozen=True)
class LensSample:
    """One sample of the test set: its row, its true class or None, and what people see of it, where it is kept."""

    row: int
    label: int | None
    picture: Picture | None
    text: str


@dataclass(frozen=True, eq=False)
class LensNetwork:
    """One network. `final` float32 [N,K]: the kept weights' logits on the samples.

    `by_epoch` float32 [E,N,K] at the ends of `epochs`; of a teacher, and where none were kept, E is 0. `temperature`
    is the one it imitated the teacher at; None if it did not. `run` stands for all teachers where there are several:
    what students imitate is the mean of their logits.
    """

    run: RunRow
    final: NDArray[np.float32]
    epochs: tuple[int, ...]
    by_epoch: NDArray[np.float32]
    temperature: float | None


@dataclass(frozen=True, eq=False)
class LensView:
    """What the lens shows of one seed. `withheld`: classes, by place, that no student saw in training."""

    experiment: ExperimentView
    samples: tuple[LensSample, ...]
    networks: tuple[LensNetwork, ...]
    seed: int
    seeds: tuple[int, ...]
    withheld: tuple[int, ...]
    stamp: str
    """Changes with what is shown."""


class Lens(Acting):
    """Thread-safe; runs no network; returns soon."""

    def __init__(self, home: Home, store: Callable[[], Store], trying: Trying) -> None:
        self._home, self._store, self._trying = home, store, trying
        self._views = Remembered(most=_MOST_KEPT)

    @needs("viewer")
    def of(self, experiment_id: str, *, seed: int | None = None) -> LensView:
        """The teacher, the students trained alone and the distilled ones of one seed, at first the first.

        Raises NotFound where nothing was tested yet or there is no such seed, LensUnfit for other tasks than
        classification, DamagedAnswers.
        """
        view = self._store().experiment(experiment_id)
        if view.task != "classification":
            raise LensUnfit(
                "The lens compares one soft label a sample; allowed: experiments that classify. Choose one of those."
            )
        folder = self._home.experiment(experiment_id)
        tested = [
            run for run in view.runs
            if run.role in ("teacher", *_LEARNERS) and folder.run(run.run_id).test_logits.is_file()
        ]
        if not tested or not folder.test_labels.is_file():
            raise NotFound(
                f"No network of experiment {experiment_id} has been tested yet; wait until its teacher is trained."
            )
        seeds = tuple(dict.fromkeys(run.seed for run in tested if run.role in _LEARNERS))
        if seed is not None and seed not in seeds:
            known = ", ".join(str(one) for one in seeds) or "none yet"
            raise NotFound(f"No student of seed {seed} has been tested; allowed: {known}. Choose one of those.")
        chosen = seed if seed is not None else next(iter(seeds), view.spec.seeds[0])
        runs = [run for run in tested if run.role == "teacher"]
        runs += [run for run in tested if run.role in _LEARNERS and run.seed == chosen]
        now = self._stamp(view, folder, runs, chosen)
        return self._views.once(now, lambda: self._made(view, folder, runs, chosen=chosen, seeds=seeds, now=now))

    def _stamp(self, view: ExperimentView, folder: ExperimentFolder, runs: Sequence[RunRow], seed: int) -> str:
        """Of the files that are read; what is kept of a finished experiment never changes."""
        inputs = place_of_test_inputs(folder, view.spec.data.dataset.name)
        exported = next((folder.run(run.run_id).test_samples for run in view.runs if run.onnx_path), None)
        places = [folder.test_labels, *(path for path in (inputs, exported) if path)]
        for run in runs:
            places += [folder.run(run.run_id).test_logits, folder.run(run.run_id).epoch_answers]
        ages = (f"{changed_ns:x}.{size:x}" for _, changed_ns, size in map(stamp, places))
        return "-".join([view.row.experiment_id, str(seed), *ages])

    def _made(
        self, view: ExperimentView, folder: ExperimentFolder, runs: Sequence[RunRow], *, chosen: int,
        seeds: tuple[int, ...], now: str,
    ) -> LensView:
        labels = mapped_answers(folder.test_labels)
        rows = watched_rows(labels, outputs=len(view.class_names))
        teachers = [run for run in runs if run.role == "teacher"]
        networks = [_mean_teacher(view, folder, teachers, rows)] if teachers else []
        for run in [run for run in runs if run.role in _LEARNERS][: MOST_NETWORKS - 1]:
            networks.append(_learner(view, folder, run, rows))
        withheld = set(view.spec.data.withheld_classes)
        return LensView(
            experiment=view, samples=self._samples(view, folder, labels, rows), networks=tuple(networks), seed=chosen,
            seeds=seeds, stamp=now,
            withheld=tuple(place for place, name in enumerate(view.class_names) if name in withheld),
        )

    def _samples(
        self, view: ExperimentView, folder: ExperimentFolder, labels: NDArray[np.generic], rows: NDArray[np.int64]
    ) -> tuple[LensSample, ...]:
        kept, words = self._inputs(view, folder)
        found = []
        for row in rows.tolist():
            label, place = int(labels[row]), None if kept is None else kept.place_of(row)
            picture, text = None, ""
            if kept is not None and place is not None:
                picture, text = _look(kept.inputs[place], view.input_kind, words)
            known = 0 <= label < len(view.class_names)
            found.append(LensSample(row=row, label=label if known else None, picture=picture, text=text))
        return tuple(found)

    def _inputs(self, view: ExperimentView, folder: ExperimentFolder) -> tuple[TestInputs | None, tuple[str, ...]]:
        """The kept test inputs and a text's words; before anything is exported only those inputs, which is enough."""
        try:
            offer = self._trying.offer(view)
        except NotFound:
            place = place_of_test_inputs(folder, view.spec.data.dataset.name)
            return (read_test_inputs(place) if place else None), ()
        return offer.tests, offer.facts.words


def _mean_teacher(
    view: ExperimentView, folder: ExperimentFolder, teachers: Sequence[RunRow], rows: NDArray[np.int64]
) -> LensNetwork:
    """What students imitate: the mean of all teachers' logits, by their weights."""
    told = [teacher.weight for teacher in view.spec.teachers]
    weights = told if len(told) == len(teachers) else None
    final = np.average([_final(folder, run, view, rows) for run in teachers], axis=0, weights=weights)
    return LensNetwork(
        run=teachers[0], final=final.astype(np.float32), epochs=(), by_epoch=_no_epochs(final), temperature=None,
    )


def _learner(view: ExperimentView, folder: ExperimentFolder, run: RunRow, rows: NDArray[np.int64]) -> LensNetwork:
    final = _final(folder, run, view, rows)
    kept: EpochAnswers | None = read_epoch_answers(folder.run(run.run_id).epoch_answers)
    # Of another selection of samples, as an earlier version may have made it, nothing can be shown beside these.
    if kept is None or not np.array_equal(kept.samples, rows) or kept.logits.shape[2] != final.shape[1]:
        epochs, by_epoch = (), _no_epochs(final)
    else:
        epochs, by_epoch = tuple(kept.epochs.tolist()), kept.logits
    return LensNetwork(
        run=run, final=final, epochs=epochs, by_epoch=by_epoch, temperature=_temperature(view, run.name),
    )


def _no_epochs(final: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.zeros((0, *final.shape), np.float32)


def _temperature(view: ExperimentView, name: str) -> float | None:
    """Of the first of its terms that has one."""
    student = next((student for student in view.spec.students if student.name == name), None)
    for term in student.terms if student is not None else ():
        found = term.loss.params.get("temperature")
        if term.weight > 0 and isinstance(found, (int, float)):
            return float(found)
    return None


def _final(
    folder: ExperimentFolder, run: RunRow, view: ExperimentView, rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    path = folder.run(run.run_id).test_logits
    logits = mapped_answers(path)
    if logits.ndim != 2 or logits.shape[1] != len(view.class_names) or (len(rows) and rows[-1] >= len(logits)):
        raise DamagedAnswers(
            f"The saved answers of run {run.run_id[:60]} have shape {logits.shape}, which does not fit the test data. "
            "Run the experiment again."
        )
    found: NDArray[np.float32] = np.asarray(logits[rows], np.float32)
    return found


def _look(inputs: NDArray[np.generic], kind: InputKind, words: tuple[str, ...]) -> tuple[Picture | None, str]:
    """A picture, or words, or the first numbers of a table's row."""
    if kind == "text":
        return None, text_of(inputs, words) if words else ""
    if kind == "table":
        numbers = ", ".join(f"{float(value):.3g}" for value in np.ravel(inputs)[:_MOST_NUMBERS].tolist())
        return None, numbers + (", …" if inputs.size > _MOST_NUMBERS else "")
    return small_picture(inputs, kind), ""
