"""What the saved answers of finished runs say: statistics and figures of an experiment, with no network run again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from distill_core.access import Acting, needs
from distill_core.catalog import Catalogue
from distill_core.errors import LabError
from distill_core.evaluation.bootstrap import bootstrap_interval
from distill_core.evaluation.class_changes import ClassChange, class_changes, confusion_change
from distill_core.evaluation.disagreement import distances
from distill_core.evaluation.fidelity import Fidelity, fidelity
from distill_core.evaluation.hardest import Ranked, by_amount, hardest
from distill_core.evaluation.marks import Marks, counted, marks, sample_kl
from distill_core.evaluation.paired_tests import sign_test, standardised_effect
from distill_core.evaluation.quality import Errors, Quality, Reliability, quality, reliability
from distill_core.evaluation.regression import r2
from distill_core.evaluation.sampling_noise import TestSetNoise, noise_of_test_set
from distill_core.evaluation.saved import DamagedAnswers, mapped_answers
from distill_core.evaluation.seeds_needed import seeds_needed
from distill_core.evaluation.sureness import Sureness
from distill_core.evaluation.verdict import Verdict
from distill_core.folders import Home
from distill_core.remembered import Remembered, stamp
from distill_core.results import baselines_of, verdicts_of
from distill_core.rows import ExperimentView, RunRow

T = TypeVar("T")
# What has a number for every sample is kept for fewer: a run of 50,000 samples takes 3 MB.
_MOST_KEPT, _MOST_LARGE = 256, 32
_LARGE = ("marks", "hardest", "disagreed")
_WITH_FIGURES = ("finished", "reused")


class NoAnswers(LabError):
    """An experiment has no run whose saved answers can be read."""


@dataclass(frozen=True, eq=False)
class Changes:
    """What distillation changed by class. `confusion` [K,K]: see class_changes.confusion_change."""

    student: str
    baseline: str
    classes: tuple[ClassChange, ...]
    confusion: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Said:
    """Classes by place: the true one [M] of some samples, and what each of R runs named, [R,M]."""

    label: NDArray[np.int64]
    predicted: NDArray[np.int64]


class Evidence(Acting):
    """Thread-safe; loads no torch; what was worked out is kept until a file changes.

    Methods that read answers raise NoAnswers where none are left, and DamagedAnswers.
    """

    def __init__(self, home: Home, catalogue: Callable[[], Catalogue]) -> None:
        self._home, self._catalogue = home, catalogue
        self._figures, self._by_sample = Remembered(most=_MOST_KEPT), Remembered(most=_MOST_LARGE)

    @needs("viewer")
    def answered(self, view: ExperimentView) -> tuple[RunRow, ...]:
        """The tested runs whose answers are still there, in the order of the experiment; NoAnswers without one."""
        folder = self._home.experiment(view.row.experiment_id)
        found = tuple(
            run for run in view.runs
            if run.score is not None and np.isfinite(run.score) and folder.run(run.run_id).test_logits.is_file()
        )
        if not found or not folder.test_labels.is_file():
            raise NoAnswers(
                f"The saved answers of experiment {view.row.experiment_id} are not there, so they cannot be judged; "
                "run it again."
            )
        return found

    # How sure ----------------------------------------------------------------------------------

    @needs("viewer")
    def sureness(self, view: ExperimentView, *, metric: str = "") -> tuple[Sureness, ...]:
        """Every variant against the same network trained alone; in the task's main figure, or another."""
        catalogue = self._catalogue()
        found = []
        for verdict in verdicts_of(view, catalogue, metric=metric):
            differences = [difference for _, difference in verdict.differences]
            found.append(Sureness(
                verdict=verdict, bootstrap=bootstrap_interval(differences, confidence=verdict.confidence),
                signs=sign_test(differences), effect=standardised_effect(differences), needed=seeds_needed(verdict),
                test_set=self._noise(view, verdict),
            ))
        return tuple(found)

    def _noise(self, view: ExperimentView, verdict: Verdict) -> TestSetNoise | None:
        try:
            there = {(run.name, run.seed): run for run in self.answered(view) if run.role in ("baseline", "student")}
        except NoAnswers:
            return None
        pairs = [(there.get((verdict.student, seed)), there.get((verdict.baseline, seed)))
                 for seed, _ in verdict.differences]
        known = [(one, other) for one, other in pairs if one is not None and other is not None]
        if not known or len(known) < len(pairs):
            return None
        runs = [run for pair in known for run in pair]
        # What is a mean over samples; of R², which is none, the squared error behind it.
        metric = {"accuracy": "accuracy", "nll": "nll", "mse": "mse", "r2": "mse"}.get(verdict.metric)
        if metric is None:
            return None

        def worked_out() -> TestSetNoise | None:
            worths = [[self._worth(view, run, metric) for run in pair] for pair in known]
            differences = [student[0] - baseline[0] for student, baseline in worths]
            return noise_of_test_set(differences, worths[0][0][1], metric=metric, confidence=verdict.confidence)

        return self._once("noise", view, runs, worked_out, metric, verdict.confidence)

    def _worth(self, view: ExperimentView, run: RunRow, metric: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """What each sample (of a tagging step, of a regression value) adds to a figure, and its row of the test set."""
        if metric == "mse":
            missed = self._missed(view, run)
            kept = np.isfinite(missed)
            return missed[kept] ** 2, np.nonzero(kept)[0]
        of = self._marks(view, run)
        return (of.right.astype(np.float64) if metric == "accuracy" else of.nll), of.sample

    # Figures -----------------------------------------------------------------------------------

    @needs("viewer")
    def qualities(self, view: ExperimentView) -> dict[str, Quality]:
        """By run id; of a classification or tagging."""
        return {
            run.run_id: self._once("quality", view, [run], partial(self._quality, view, run))
            for run in self.answered(view)
        }

    @needs("viewer")
    def errors(self, view: ExperimentView) -> dict[str, Errors]:
        """By run id; of a regression."""
        labels = self._labels(view)

        def of(run: RunRow) -> Errors:
            missed = self._missed(view, run)
            known = missed[np.isfinite(missed)]
            mse = float((known**2).mean())
            return Errors(
                r2=r2(self._answers(view, run), labels), mse=mse, rmse=mse**0.5, mae=float(np.abs(known).mean())
            )

        return {
            run.run_id: self._once("errors", view, [run], partial(of, run)) for run in self.answered(view)
        }

    @needs("viewer")
    def reliability(self, view: ExperimentView, runs: Sequence[RunRow]) -> Reliability:
        """Of runs of one variant, their samples pooled."""
        return self._once(
            "reliability", view, runs, lambda: reliability([self._marks(view, run) for run in runs])
        )

    # Like the teacher --------------------------------------------------------------------------

    @needs("viewer")
    def fidelities(self, view: ExperimentView, teacher: RunRow) -> dict[str, Fidelity]:
        """Every other run beside a teacher, by run id; of a classification or tagging."""

        def beside(run: RunRow) -> Fidelity:
            labels = self._labels(view)
            mine, theirs = (
                counted(self._answers(view, one), labels, task=view.task)[0] for one in (run, teacher)
            )
            return fidelity(self._marks(view, run), self._marks(view, teacher), kl=sample_kl(mine, theirs))

        return {
            run.run_id: self._once("fidelity", view, [run, teacher], partial(beside, run))
            for run in self.answered(view) if run.run_id != teacher.run_id
        }

    # Classes -----------------------------------------------------------------------------------

    @needs("viewer")
    def changes(self, view: ExperimentView) -> tuple[Changes, ...]:
        """By class, of every variant that shares a finished seed with the same network trained alone."""
        by_name: dict[str, dict[int, RunRow]] = {}
        for run in view.runs:
            if run.role in ("baseline", "student") and run.state in _WITH_FIGURES and run.per_class and run.confusion:
                by_name.setdefault(run.name, {})[run.seed] = run
        found = []
        for name, baseline in baselines_of(view, self._catalogue()).items():
            mine, alone = by_name.get(name, {}), by_name.get(baseline, {})
            if not mine.keys() & alone.keys():
                continue
            found.append(Changes(
                student=name, baseline=baseline,
                classes=class_changes(
                    {seed: run.per_class for seed, run in mine.items()},
                    {seed: run.per_class for seed, run in alone.items()},
                ),
                confusion=confusion_change(
                    {seed: run.confusion for seed, run in mine.items()},
                    {seed: run.confusion for seed, run in alone.items()},
                ),
            ))
        return tuple(found)

    # Samples -----------------------------------------------------------------------------------

    @needs("viewer")
    def hardest(self, view: ExperimentView, runs: Sequence[RunRow], *, only_all_wrong: bool = False) -> Ranked:
        """Test samples by the mean loss of some runs: NLL, of a regression the squared error."""
        if view.task != "regression":
            return self._once("hardest", view, runs, lambda: hardest(
                [self._marks(view, run) for run in runs], only_all_wrong=only_all_wrong
            ), only_all_wrong)
        return self._once("hardest", view, runs, lambda: by_amount(np.mean(
            [_mean_of_known(self._missed(view, run) ** 2) for run in runs], axis=0
        )))

    @needs("viewer")
    def disagreed(self, view: ExperimentView, pairs: Sequence[tuple[RunRow, RunRow]]) -> Ranked:
        """Test samples by how far two kinds of networks lie apart, mean over pairs: see disagreement.distances."""
        runs = [run for pair in pairs for run in pair]

        def worked_out() -> Ranked:
            labels = self._labels(view)
            apart = [
                distances(self._answers(view, one), self._answers(view, other), labels, task=view.task)
                for one, other in pairs
            ]
            return by_amount(np.mean(apart, axis=0))

        return self._once("disagreed", view, runs, worked_out)

    @needs("viewer")
    def said(self, view: ExperimentView, runs: Sequence[RunRow], rows: Sequence[int]) -> Said:
        """What runs of a classification named on some rows of the test set, and what is true."""
        if not rows:
            return Said(np.zeros(0, dtype=np.int64), np.zeros((len(runs), 0), dtype=np.int64))
        found = [self._marks(view, run) for run in runs]
        return Said(found[0].label[list(rows)], np.stack([one.predicted[list(rows)] for one in found]))

    # Reading -----------------------------------------------------------------------------------

    def _quality(self, view: ExperimentView, run: RunRow) -> Quality:
        return quality(self._marks(view, run))

    def _marks(self, view: ExperimentView, run: RunRow) -> Marks:
        return self._once(
            "marks", view, [run], lambda: marks(self._answers(view, run), self._labels(view), task=view.task)
        )

    def _missed(self, view: ExperimentView, run: RunRow) -> NDArray[np.float64]:
        """A regression's answers minus the true values [N,D]; NaN where those are not known."""
        answers, labels = self._answers(view, run), self._labels(view)
        if answers.shape != labels.shape:
            raise DamagedAnswers(
                f"The saved answers of run {run.run_id} have shape {answers.shape} and the true values "
                f"{labels.shape}; expected the same. Run the experiment again."
            )
        return answers.astype(np.float64) - labels

    def _answers(self, view: ExperimentView, run: RunRow) -> NDArray[Any]:
        return mapped_answers(self._home.experiment(view.row.experiment_id).run(run.run_id).test_logits)

    def _labels(self, view: ExperimentView) -> NDArray[Any]:
        return mapped_answers(self._home.experiment(view.row.experiment_id).test_labels)

    def _once(
        self, what: str, view: ExperimentView, runs: Iterable[RunRow], make: Callable[[], T], *more: object
    ) -> T:
        """Worked out once for these files; answers that do not fit together are DamagedAnswers."""
        folder = self._home.experiment(view.row.experiment_id)
        places: list[Path] = [folder.test_labels, *(folder.run(run.run_id).test_logits for run in runs)]
        try:
            remembered = self._by_sample if what in _LARGE else self._figures
            return remembered.once((what, *more, *(stamp(place) for place in places)), make)
        except ValueError as error:
            raise DamagedAnswers(
                f"The saved answers of experiment {view.row.experiment_id} do not fit together ({error}). Run it again."
            ) from error


def _mean_of_known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the columns of what is known in each row, [N]; NaN where nothing is."""
    known = np.isfinite(values)
    found = np.full(len(values), np.nan)
    np.divide(np.where(known, values, 0).sum(axis=1), known.sum(axis=1), out=found, where=known.any(axis=1))
    return found
