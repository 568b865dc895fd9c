"""The figures against scikit-learn and against values worked out by hand."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

from distill_core.evaluation.accuracy import accuracy, nll
from distill_core.evaluation.agreement import agreement, teacher_kl
from distill_core.evaluation.calibration import ece
from distill_core.evaluation.figures import evaluate
from distill_core.evaluation.per_class import confusion, per_class_accuracy


def sample(seed: int, *, samples: int = 200, classes: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Student logits, teacher logits and labels; the last class has no samples."""
    draw = np.random.default_rng(seed)
    student, teacher = draw.normal(scale=3, size=(2, samples, classes))
    return student, teacher, draw.integers(0, classes - 1, samples)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


@given(st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_figures_are_those_of_scikit_learn(seed: int) -> None:
    logits, _, labels = sample(seed)
    classes = range(logits.shape[1])
    assert accuracy(logits, labels) == pytest.approx(accuracy_score(labels, logits.argmax(1)), abs=1e-12)
    assert nll(logits, labels) == pytest.approx(log_loss(labels, softmax(logits), labels=list(classes)), abs=1e-9)
    expected = confusion_matrix(labels, logits.argmax(1), labels=list(classes))
    assert (confusion(logits, labels) == expected).all()


def test_per_class_is_the_diagonal_share_and_nan_without_samples() -> None:
    logits, _, labels = sample(3)
    shares = per_class_accuracy(logits, labels)
    for index in range(6):
        assert shares[index] == pytest.approx((logits[labels == index].argmax(1) == index).mean())
    assert math.isnan(shares[6])


def binary_logits(confidences: list[float]) -> np.ndarray:
    """Logits of two classes whose class 0 has the given probabilities."""
    return np.array([[math.log(p / (1 - p)), 0.0] for p in confidences])


def test_ece_worked_out_by_hand() -> None:
    # Ten bins: two samples in (0.5, 0.6], mean confidence 0.57, one right; one in (0.8, 0.9], wrong; one in
    # (0.9, 1.0], right. ECE = 2/4 |0.5-0.57| + 1/4 |0-0.85| + 1/4 |1-0.95|.
    logits = binary_logits([0.55, 0.59, 0.85, 0.95])
    labels = np.array([0, 1, 1, 0])
    assert ece(logits, labels, bins=10) == pytest.approx(0.035 + 0.2125 + 0.0125, abs=1e-12)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below_it() -> None:
    # 0.75 exactly is in (0.5, 0.75] of four bins, together with 0.6; apart they would give another sum.
    logits = np.log(np.array([[0.75, 0.25], [0.6, 0.4]]))
    assert ece(logits, np.array([0, 1]), bins=4) == pytest.approx(abs((0.25 - 0.6) / 2), abs=1e-12)


def test_a_network_that_is_as_sure_as_it_is_right_has_no_calibration_error() -> None:
    logits = np.tile(np.log([[0.75, 0.25]]), (4, 1))
    assert ece(logits, np.array([0, 0, 0, 1])) == pytest.approx(0, abs=1e-12)
    assert ece(np.array([[50.0, 0.0]]), np.array([1])) == pytest.approx(1.0)


def test_agreement_and_divergence_from_the_teacher() -> None:
    student = np.log(np.array([[0.5, 0.5], [0.9, 0.1]]))
    teacher = np.log(np.array([[0.2, 0.8], [0.6, 0.4]]))
    by_hand = (0.2 * math.log(0.2 / 0.5) + 0.8 * math.log(0.8 / 0.5)) / 2
    by_hand += (0.6 * math.log(0.6 / 0.9) + 0.4 * math.log(0.4 / 0.1)) / 2
    assert teacher_kl(student, teacher) == pytest.approx(by_hand, abs=1e-12)
    assert agreement(student, teacher) == 0.5  # equal logits count as the first class
    assert teacher_kl(teacher, teacher) == 0
    assert agreement(teacher, teacher) == 1


@given(st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_divergence_is_never_negative_and_shifting_logits_changes_nothing(seed: int) -> None:
    student, teacher, labels = sample(seed)
    assert teacher_kl(student, teacher) > 0
    shifted = evaluate(student + 40.0, labels, teacher - 40.0)
    plain = evaluate(student, labels, teacher)
    assert shifted.nll == pytest.approx(plain.nll) and shifted.teacher_kl == pytest.approx(plain.teacher_kl)
    assert shifted.accuracy == plain.accuracy and shifted.ece == pytest.approx(plain.ece)


def test_huge_logits_do_not_overflow() -> None:
    logits = np.array([[1e30, -1e30], [-1e30, 1e30]])
    figures = evaluate(logits, np.array([0, 1]), logits)
    assert (figures.accuracy, figures.nll, figures.ece, figures.teacher_kl) == (1.0, 0.0, 0.0, 0.0)


def test_evaluate_bundles_the_single_figures() -> None:
    student, teacher, labels = sample(11)
    figures = evaluate(student.astype(np.float32), labels.astype(np.int32), teacher)
    assert figures.accuracy == accuracy(student.astype(np.float32), labels)
    assert figures.ece == ece(student.astype(np.float32), labels)
    assert figures.agreement == agreement(student, teacher)
    assert figures.confusion.sum() == len(labels) and figures.per_class.shape == (7,)
    alone = evaluate(student, labels)
    assert alone.agreement is None and alone.teacher_kl is None


def test_logits_with_nan_give_nan_not_a_figure() -> None:
    student, teacher, labels = sample(5)
    student[3, 2] = float("nan")
    figures = evaluate(student, labels, teacher)
    for name in ("accuracy", "nll", "ece", "agreement", "teacher_kl"):
        assert math.isnan(getattr(figures, name)), name


@pytest.mark.parametrize(
    ("logits", "labels", "part"),
    [
        (np.zeros(4), np.zeros(4, int), "expected [N,K]"),
        (np.zeros((0, 3)), np.zeros(0, int), "at least one sample"),
        (np.zeros((4, 3)), np.zeros(5, int), "one a row"),
        (np.zeros((2, 3)), np.array([0, 3]), "expected 0 to 2"),
        (np.zeros((2, 3)), np.array([0, -100]), "expected 0 to 2"),
        (np.zeros((2, 3)), np.array([0.0, 1.0]), "whole numbers"),
    ],
)
def test_what_does_not_fit_together_is_refused(logits: np.ndarray, labels: np.ndarray, part: str) -> None:
    with pytest.raises(ValueError) as refusal:
        evaluate(logits, labels)
    assert part in str(refusal.value)
    with pytest.raises(ValueError, match="expected the same"):
        agreement(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="at least 1"):
        ece(np.zeros((2, 3)), np.array([0, 1]), bins=0)


def test_evaluation_and_charts_load_neither_torch_nor_scipy_stats() -> None:
    code = (
        "import sys, importlib, pkgutil, distill_core.charts as c, distill_core.evaluation as e\n"
        "for p in (c, e):\n"
        "    for m in pkgutil.iter_modules(p.__path__): importlib.import_module(p.__name__ + '.' + m.name)\n"
        "from distill_core.evaluation.verdict import t_interval; t_interval([1.0, 2.0])\n"
        "bad = [m for m in ('torch', 'streamlit', 'scipy.stats', 'distill_core.store') if m in sys.modules]\n"
        "sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
