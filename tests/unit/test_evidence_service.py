"""What `Lab.evidence` reads off saved answers: right for every task, kept until a file changes, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from distill_core.evaluation.saved import DamagedAnswers
from distill_core.evidence import Evidence, NoAnswers
from distill_core.folders import Home
from distill_core.rows import ExperimentView
from distill_core.services import Lab
from distill_core.store.store import Store
from tests.fixtures import build_finished_experiment, preset_spec
from tests.task_samples import build_task_experiment
from tests.trying_samples import build_tryable_digits


@pytest.fixture
def home(tmp_path: Path, with_catalogue: Callable[[Home], Home]) -> Home:
    return with_catalogue(Home(tmp_path / "home"))


def opened(home: Home, identity: str) -> tuple[Evidence, ExperimentView]:
    return Lab(home).evidence, Store(home).experiment(identity)


@pytest.mark.parametrize("task", ["tagging", "regression"])
def test_figures_of_every_task_are_those_of_the_runs_themselves(home: Home, task: str) -> None:
    evidence, view = opened(home, build_task_experiment(home, task))  # type: ignore[arg-type]
    if task == "regression":
        errors = evidence.errors(view)
        for run in view.runs:
            assert (errors[run.run_id].r2, errors[run.run_id].mse) == pytest.approx((run.r2, run.mse))
            assert errors[run.run_id].rmse == pytest.approx(errors[run.run_id].mse ** 0.5)
        return
    qualities = evidence.qualities(view)
    assert view.teacher is not None
    beside = evidence.fidelities(view, view.teacher)
    for run in view.runs:
        found = qualities[run.run_id]
        assert (found.accuracy, found.nll, found.ece) == pytest.approx((run.accuracy, run.nll, run.ece))
        if run.role != "teacher":
            mine = beside[run.run_id]
            assert (mine.agreement, mine.kl) == pytest.approx((run.agreement, run.teacher_kl))


def test_a_verdict_is_told_with_all_that_stands_beside_its_interval(home: Home) -> None:
    evidence, view = opened(home, build_task_experiment(home, "tagging"))
    (found,) = evidence.sureness(view)
    assert found.verdict.student == "distilled" and found.bootstrap is not None and found.signs.positive == 3
    noise = found.test_set
    assert noise is not None and noise.metric == "accuracy" and noise.samples == 200, "sequences are drawn, not steps"
    assert noise.low < noise.mean < noise.high and noise.mean == pytest.approx(found.verdict.delta_mean)
    (nats,) = evidence.sureness(view, metric="nll")
    assert nats.test_set is not None and nats.test_set.mean == pytest.approx(nats.verdict.delta_mean)
    (gap,) = evidence.sureness(view, metric="ece")
    assert gap.test_set is None, "ECE is no mean over samples"


def test_a_regression_is_judged_by_r2_and_its_samples_by_the_squared_error(home: Home) -> None:
    evidence, view = opened(home, build_task_experiment(home, "regression"))
    (found,) = evidence.sureness(view)
    assert found.verdict.metric == "r2" and found.test_set is not None and found.test_set.metric == "mse"
    hardest = evidence.hardest(view, view.runs)
    folder = home.experiment(view.row.experiment_id)
    labels = np.load(folder.test_labels)
    missed = [np.load(folder.run(run.run_id).test_logits) - labels for run in view.runs]
    assert hardest.rows[0] == np.nanmean(np.array(missed) ** 2, axis=(0, 2)).argmax()
    assert len(hardest.rows) == 200, "rows with one known value count too"


def test_classes_and_samples_of_a_classification(home: Home) -> None:
    evidence, view = opened(home, build_tryable_digits(home, seeds=2))
    changes = {one.student: one for one in evidence.changes(view)}
    assert set(changes) == {"alone, label smoothing", "distilled T=1", "distilled T=8"}
    assert changes["distilled T=8"].baseline == "alone" and changes["distilled T=8"].classes[0].seeds == 2
    assert np.allclose(changes["distilled T=8"].confusion.sum(axis=1), 0)
    teacher, student = (next(run for run in view.runs if run.role == role) for role in ("teacher", "student"))
    apart = evidence.disagreed(view, [(teacher, student)])
    lab = Lab(home)
    gallery = lab.trying.gallery(view, lab.trying.offer(view), teacher.run_id, student.run_id)
    assert np.array_equal(apart.rows, gallery.rows), "both galleries rank alike"
    hardest = evidence.hardest(view, [teacher, student], only_all_wrong=True)
    said = evidence.said(view, [teacher, student], hardest.rows.tolist())
    assert len(hardest.rows) and (said.predicted != said.label).all()


def test_what_was_worked_out_is_kept_until_a_file_changes(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    evidence, view = opened(home, build_tryable_digits(home))
    reads: list[Path] = []
    real = evidence._answers
    monkeypatch.setattr(evidence, "_answers", lambda view, run: (reads.append(run.run_id), real(view, run))[1])
    first = evidence.qualities(view)
    asked = len(reads)
    assert evidence.qualities(view) == first and len(reads) == asked == len(view.runs)
    place = home.experiment(view.row.experiment_id).run(view.runs[1].run_id).test_logits
    np.save(place, -np.load(place))
    changed = evidence.qualities(view)
    assert len(reads) == asked + 1
    assert changed[view.runs[1].run_id] != first[view.runs[1].run_id]
    assert changed[view.runs[0].run_id] == first[view.runs[0].run_id]


def test_missing_and_damaged_answers_are_a_sentence(home: Home) -> None:
    bare = build_finished_experiment(home, spec=preset_spec(seeds=2), experiment_id="bare", created_at=1.79e9 + 9)
    evidence, view = opened(home, bare)
    with pytest.raises(NoAnswers, match="not there"):
        evidence.qualities(view)
    found = evidence.sureness(view)
    assert found and all(one.test_set is None and one.bootstrap is not None for one in found), "seeds are judged still"
    evidence, view = opened(home, build_tryable_digits(home))
    place = home.experiment(view.row.experiment_id).run(view.runs[0].run_id).test_logits
    np.save(place, np.load(place)[:-1])
    with pytest.raises(DamagedAnswers, match="do not fit together"):
        evidence.qualities(view)
    place.write_bytes(b"nothing of the kind")
    with pytest.raises(DamagedAnswers, match="cannot be read"):
        evidence.qualities(view)
    place.unlink()
    assert view.runs[0].run_id not in evidence.qualities(view), "the others still have their figures"
