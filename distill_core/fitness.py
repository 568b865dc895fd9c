"""Tells how fit an experiment's teacher is to teach, from what its worker kept; loads no torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill_core.access import Acting, needs
from distill_core.evaluation.saved import DamagedAnswers, mapped_answers
from distill_core.evaluation.steps import NOT_COUNTED
from distill_core.evaluation.teacher_fitness import Comparison, TeacherFitness, compare_with_alone
from distill_core.folders import ExperimentFolder, Home, read_json
from distill_core.remembered import Remembered, stamp
from distill_core.rows import ExperimentView, RunRow

_MOST_KEPT = 512


class Fitness(Acting):
    """The teachers of one home's experiments. Thread-safe; every method returns at once."""

    def __init__(self, home: Home) -> None:
        self._home = home
        # A page that watches looks every few seconds.
        self._right_answers = Remembered(most=_MOST_KEPT)

    @needs("viewer")
    def of(self, experiment_id: str) -> TeacherFitness | None:
        """As the worker measured it right before the first student learnt; None before that, and of a regression.

        Raises DamagedAnswers.
        """
        place = self._home.experiment(experiment_id).teacher_fitness
        if not place.exists():
            return None
        try:
            return TeacherFitness.from_json(read_json(place))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DamagedAnswers(
                f"The file {place} cannot be read ({error}). Remove it and resume the experiment, or run it again."
            ) from error

    @needs("viewer")
    def beside_alone(self, view: ExperimentView) -> tuple[str, Comparison] | None:
        """The best of the students trained alone, by name, and the teacher beside it on the same test samples.

        None while either is not tested yet, with several teachers, and of a regression. Raises DamagedAnswers.
        """
        if view.task == "regression" or len(view.teachers) != 1:
            return None
        folder = self._home.experiment(view.row.experiment_id)
        teacher = self._right(folder, view.teachers[0])
        named: dict[str, list[NDArray[np.bool_]]] = {}
        for run in view.runs:
            if run.role == "baseline" and (answers := self._right(folder, run)) is not None:
                named.setdefault(run.name, []).append(answers)
        if teacher is None or not named:
            return None
        best = max(named, key=lambda name: float(np.mean(named[name])))
        return best, compare_with_alone(teacher, np.stack(named[best]))

    def _right(self, folder: ExperimentFolder, run: RunRow) -> NDArray[np.bool_] | None:
        """Which test samples a run answers rightly, bool [N]; None until it has been tested."""
        answers, labels = folder.run(run.run_id).test_logits, folder.test_labels
        if run.score is None or not answers.exists() or not labels.exists():
            return None
        return self._right_answers.once((stamp(answers), stamp(labels)), lambda: _compared(answers, labels))


def _compared(answers: Path, labels: Path) -> NDArray[np.bool_]:
    logits, true = mapped_answers(answers), mapped_answers(labels)
    found, expected = logits.shape, true.shape
    if found[:-1] != expected:
        raise DamagedAnswers(
            f"The answers in {answers} have shape {found} and the labels {expected}; expected a row of "
            "answers a label. Run the experiment again."
        )
    return np.asarray(logits.argmax(axis=-1) == true)[np.asarray(true != NOT_COUNTED)]
