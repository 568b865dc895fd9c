"""Figures of taggings and regressions, against scikit-learn and worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error, r2_score

from distill_core.evaluation.figures import Figures, evaluate
from distill_core.evaluation.metrics import METRICS, heading, metric_title, primary_metric
from distill_core.evaluation.regression import mse, r2
from distill_core.evaluation.saved import DamagedAnswers, saved_answers
from distill_core.evaluation.steps import NOT_COUNTED
from distill_core.evaluation.verdict import Verdict, paired_verdict
from distill_core.events import RunFinished, parse_event
from distill_core.folders import Home
from distill_core.rows import RunRow


def values(seed: int, *, samples: int = 60, outputs: int = 3) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    labels = draw.normal(size=(samples, outputs)) * draw.uniform(0.1, 5, outputs)
    return labels + draw.normal(size=labels.shape), labels


@given(st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_regression_figures_are_those_of_scikit_learn(seed: int) -> None:
    answers, labels = values(seed)
    assert r2(answers, labels) == pytest.approx(r2_score(labels, answers), abs=1e-12)
    assert mse(answers, labels) == pytest.approx(mean_squared_error(labels, answers), abs=1e-12)


def test_r2_worked_out_by_hand() -> None:
    labels = np.array([[1.0], [2.0], [3.0]])
    assert r2(labels, labels) == 1
    assert r2(np.full((3, 1), 2.0), labels) == 0
    assert r2(labels + 2, labels) == 1 - 12 / 2, "it may be negative"


def test_labels_that_are_nan_do_not_count() -> None:
    labels = np.array([[1.0, 5.0], [3.0, math.nan], [2.0, 6.0], [math.nan, math.nan]])
    answers = np.array([[1.0, 5.0], [2.0, 99.0], [2.0, 6.0], [7.0, math.nan]])
    assert r2(answers, labels) == pytest.approx((0.5 + 1) / 2)
    assert mse(answers, labels) == pytest.approx(1 / 5)


def test_a_value_that_does_not_vary_is_left_out() -> None:
    labels = np.array([[1.0, 4.0], [2.0, 4.0], [3.0, 4.0]])
    assert r2(np.array([[1.0, 0.0], [2.0, 0.0], [2.0, 0.0]]), labels) == pytest.approx(0.5)
    assert math.isnan(r2(labels[:, 1:], labels[:, 1:]))
    assert math.isnan(mse(labels, np.full_like(labels, math.nan)))


def test_a_regression_has_only_its_own_figures() -> None:
    answers, labels = values(1)
    figures = evaluate(answers, labels, answers + 2, task="regression")
    assert (figures.r2, figures.mse) == (r2(answers, labels), mse(answers, labels))
    assert figures.teacher_mse == pytest.approx(4)
    assert all(math.isnan(figure) for figure in (figures.accuracy, figures.nll, figures.ece))
    assert figures.agreement is None and figures.teacher_kl is None
    assert figures.per_class.shape == (0,) and figures.confusion.shape == (0, 0)
    alone = evaluate(answers, labels, task="regression")
    assert alone.teacher_mse is None
    broken = answers.copy()
    broken[0, 0] = math.nan
    figures = evaluate(broken, labels, task="regression")
    assert figures.r2 is not None and math.isnan(figures.r2) and figures.mse is not None and math.isnan(figures.mse)


def steps(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 4, (30, 8))
    labels[:10, 5:] = NOT_COUNTED
    return draw.normal(size=(30, 8, 4)), draw.normal(size=(30, 8, 4)), labels


def test_a_tagging_counts_every_labelled_step_once() -> None:
    logits, teacher, labels = steps(2)
    figures, counted = evaluate(logits, labels, teacher, task="tagging"), labels != NOT_COUNTED
    chosen, true = logits[counted].argmax(1), labels[counted]
    powers = np.exp(logits[counted])
    assert figures.accuracy == pytest.approx(accuracy_score(true, chosen))
    assert figures.nll == pytest.approx(log_loss(true, powers / powers.sum(1, keepdims=True), labels=range(4)))
    assert figures.confusion.sum() == counted.sum() == 210 and figures.per_class.shape == (4,)
    assert figures.agreement == pytest.approx((chosen == teacher[counted].argmax(1)).mean())
    assert figures.r2 is None and figures.mse is None
    logits[~counted], teacher[~counted] = math.nan, 1e6
    again = evaluate(logits, labels, teacher, task="tagging")
    assert (again.accuracy, again.nll, again.teacher_kl) == (figures.accuracy, figures.nll, figures.teacher_kl)


def test_padding_is_what_the_losses_call_unlabelled() -> None:
    from distill_core.losses.term import NO_LABEL

    assert NO_LABEL == NOT_COUNTED


def test_what_does_not_fit_the_task_is_refused() -> None:
    logits, _, labels = steps(3)
    with pytest.raises(ValueError, match="one label a step"):
        evaluate(logits, labels[:, :-1], task="tagging")
    with pytest.raises(ValueError, match="no step has a label"):
        evaluate(logits, np.full_like(labels, NOT_COUNTED), task="tagging")
    with pytest.raises(ValueError, match=r"expected \[N,D\]"):
        evaluate(np.zeros(3), np.zeros(3), task="regression")
    with pytest.raises(ValueError, match="expected the same"):
        evaluate(np.zeros((3, 2)), np.zeros((3, 1)), task="regression")


@pytest.mark.parametrize("task", ["classification", "tagging", "regression"])
def test_figures_pass_through_an_event(task: str) -> None:
    logits, teacher, labels = steps(4)
    found: Figures = {
        "classification": lambda: evaluate(logits[:, 0], labels[:, 0], teacher[:, 0]),
        "tagging": lambda: evaluate(logits, labels, teacher, task="tagging"),
        "regression": lambda: evaluate(*values(4), values(4)[1], task="regression"),
    }[task]()
    event = RunFinished(
        at=1.0, run_id="r", state="finished", best_epoch=1, stopped_epoch=1, stop_rule="", seconds=1.0,
        **found.for_event(),
    )
    told = parse_event(event.model_dump_json())
    assert isinstance(told, RunFinished) and told.model_dump_json() == event.model_dump_json()
    assert (told.r2, told.mse) == (found.r2, found.mse)
    assert len(told.confusion) == len(found.confusion) == (0 if task == "regression" else 4)


def judge(student: float, alone: float, metric: str) -> Verdict:
    figures = [{seed: figure + seed / 1000 for seed in range(3)} for figure in (student, alone)]
    return paired_verdict(*figures, student_name="distilled", baseline_name="alone", metric=metric)


def test_verdicts_in_r2() -> None:
    found = judge(0.42, 0.38, "r2")
    assert found.sentence() == (
        "distilled R² 0.421, alone 0.381: +0.040 (95% CI +0.040 to +0.040, 3 seeds): helped."
    )
    assert judge(0.385, 0.38, "r2").because().endswith("though by less than 0.01 of R².")
    assert judge(0.38, 0.38, "r2").because() == "Even the best end of the interval gains less than 0.01 of R²."
    assert judge(-2.0, 0.38, "r2").verdict == "did not help"


def test_verdicts_in_squared_error_want_less() -> None:
    found = judge(0.5, 0.6, "mse")
    assert found.verdict == "helped"
    assert found.sentence().startswith("squared error: distilled 0.501, alone 0.601: -0.100 (95% CI")


def test_every_task_has_a_main_figure_that_runs_have() -> None:
    for task, name in (("classification", "accuracy"), ("tagging", "accuracy"), ("regression", "r2")):
        assert primary_metric(task) == name and METRICS[name].higher_is_better  # type: ignore[arg-type]
    assert set(METRICS) <= set(RunRow.__dataclass_fields__)
    assert heading("accuracy", "tagging") == "Accuracy per step" and heading("r2", "regression") == "R²"
    assert metric_title("nll", "classification") == "NLL"


def test_saved_answers_are_read_with_their_true_values(tmp_path: Path) -> None:
    folder = Home(tmp_path).experiment("one")
    folder.run("r").path.mkdir(parents=True)
    assert saved_answers(folder, "r") is None
    answers, labels = values(5)
    np.save(folder.run("r").test_logits, answers.astype(np.float32))
    assert saved_answers(folder, "r") is None, "true values are still to come"
    np.save(folder.test_labels, labels.astype(np.float32))
    found = saved_answers(folder, "r")
    assert found is not None and found.true.dtype == np.float64
    assert r2(found.predicted, found.true) == pytest.approx(r2(answers, labels), abs=1e-6)


@pytest.mark.parametrize("damage", ["cut", "other shape"])
def test_damaged_answers_are_one_sentence(tmp_path: Path, damage: str) -> None:
    folder = Home(tmp_path).experiment("one")
    folder.run("r").path.mkdir(parents=True)
    answers, labels = values(6)
    np.save(folder.run("r").test_logits, answers[:-1] if damage == "other shape" else answers)
    np.save(folder.test_labels, labels)
    if damage == "cut":
        content = folder.test_labels.read_bytes()
        folder.test_labels.write_bytes(content[: len(content) // 2])
    with pytest.raises(DamagedAnswers, match="Run the experiment again"):
        saved_answers(folder, "r")
