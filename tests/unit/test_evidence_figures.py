"""Figures of saved answers: the same numbers as scikit-learn, torchmetrics and scipy, and what must always hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from distill_core.evaluation.accuracy import accuracy, nll
from distill_core.evaluation.agreement import agreement, teacher_kl
from distill_core.evaluation.calibration import ece
from distill_core.evaluation.class_changes import class_changes, confusion_change
from distill_core.evaluation.fidelity import fidelity
from distill_core.evaluation.hardest import by_amount, hardest
from distill_core.evaluation.marks import marks, sample_kl
from distill_core.evaluation.quality import over_seeds, quality, reliability
from distill_core.evaluation.soft_labels import soft_labels
from distill_core.evaluation.verdict import t_interval

DRAW = np.random.default_rng(11)
N, K = 500, 8
LABELS = DRAW.integers(0, K, N)
LOGITS = (2.5 * np.eye(K)[LABELS] + 1.5 * DRAW.normal(size=(N, K))).astype(np.float32)
TEACHER = (4 * np.eye(K)[LABELS] + 1.5 * DRAW.normal(size=(N, K))).astype(np.float32)


def test_figures_are_scikit_learns() -> None:
    found, shares = quality(marks(LOGITS, LABELS)), soft_labels(LOGITS)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(LABELS, LOGITS.argmax(axis=1)))
    assert found.top_guesses == pytest.approx(metrics.top_k_accuracy_score(LABELS, shares, k=5))
    assert found.nll == pytest.approx(metrics.log_loss(LABELS, shares))
    assert found.brier == pytest.approx(metrics.brier_score_loss(LABELS, shares, scale_by_half=False))


def test_figures_are_torchmetrics() -> None:
    import torch
    from torchmetrics.functional import calibration_error, kl_divergence
    from torchmetrics.functional.classification import multiclass_accuracy, multiclass_confusion_matrix

    logits, labels, teacher = torch.tensor(LOGITS), torch.tensor(LABELS), torch.tensor(TEACHER)
    found = quality(marks(LOGITS, LABELS))
    for value, k in ((found.accuracy, 1), (found.top_guesses, 5)):
        other = multiclass_accuracy(logits, labels, num_classes=K, top_k=k, average="micro")
        assert value == pytest.approx(float(other), abs=1e-6)
    expected = calibration_error(logits.softmax(1), labels, task="multiclass", num_classes=K, n_bins=15)
    assert found.ece == pytest.approx(float(expected), abs=1e-5)
    kl = kl_divergence(teacher.double().softmax(1), logits.double().softmax(1))
    assert sample_kl(LOGITS, TEACHER).mean() == pytest.approx(float(kl), abs=1e-6)
    before = multiclass_confusion_matrix(logits, labels, num_classes=K, normalize="true").numpy()
    after = multiclass_confusion_matrix(teacher, labels, num_classes=K, normalize="true").numpy()
    counts = [metrics.confusion_matrix(LABELS, one.argmax(axis=1)).tolist() for one in (TEACHER, LOGITS)]
    assert confusion_change({0: counts[0]}, {0: counts[1]}) == pytest.approx(after - before, abs=1e-6)


def test_figures_are_those_that_runs_have_had_all_along() -> None:
    mine, theirs = marks(LOGITS, LABELS), marks(TEACHER, LABELS)
    found = quality(mine)
    assert found.accuracy == accuracy(LOGITS, LABELS) and found.nll == pytest.approx(nll(LOGITS, LABELS), rel=1e-12)
    assert found.ece == pytest.approx(ece(LOGITS, LABELS), rel=1e-9)
    beside = fidelity(mine, theirs, kl=sample_kl(LOGITS, TEACHER))
    assert beside.agreement == agreement(LOGITS, TEACHER)
    assert beside.kl == pytest.approx(teacher_kl(LOGITS, TEACHER), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(2, 7))
def test_what_holds_for_any_answers(seed: int, samples: int, classes: int) -> None:
    draw = np.random.default_rng(seed)
    # Whole numbers, so that equal logits are frequent.
    logits, labels = draw.integers(-3, 4, (samples, classes)), draw.integers(0, classes, samples)
    teacher = draw.integers(-3, 4, (samples, classes))
    one, other = marks(logits, labels), marks(teacher, labels)
    found, beside = quality(one), fidelity(one, other, kl=sample_kl(logits, teacher))
    assert found.accuracy <= found.top_guesses <= 1 and found.guesses == min(5, classes - 1)
    assert 0 <= found.brier <= 2 and 0 <= found.ece <= 1 and abs(found.overconfidence) <= found.ece + 1e-12
    assert np.array_equal(one.rank == 0, one.right), "the first of equal logits is the one that counts, everywhere"
    parts = (beside.both_right, beside.only_student, beside.only_teacher, beside.both_wrong)
    assert sum(parts) == samples and beside.same_mistake <= beside.both_wrong and beside.kl >= -1e-12
    assert beside.agreement == pytest.approx((beside.both_right + beside.same_mistake) / samples)
    bins = reliability([one, other])
    assert bins.counts.sum() == 2 * samples
    shifted = marks(logits + 7.5, labels)
    assert shifted.nll == pytest.approx(one.nll) and np.array_equal(shifted.rank, one.rank)


def test_large_sets_are_marked_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, kl = marks(LOGITS, LABELS), sample_kl(LOGITS, TEACHER)
    monkeypatch.setattr("distill_core.evaluation.marks._CELLS_AT_ONCE", 3 * K)
    parts = marks(LOGITS, LABELS)
    assert np.array_equal(whole.nll, parts.nll) and np.array_equal(whole.rank, parts.rank)
    assert np.array_equal(kl, sample_kl(LOGITS, TEACHER))


def test_a_tagging_counts_its_labelled_steps_and_an_answer_that_is_no_number_is_refused() -> None:
    labels = LABELS.reshape(100, 5).copy()
    labels[:, 4] = -100
    found = marks(LOGITS.reshape(100, 5, K), labels, task="tagging")
    kept = labels.ravel() != -100
    assert np.array_equal(found.nll, marks(LOGITS[kept], LABELS[kept]).nll)
    assert np.array_equal(found.sample, np.repeat(np.arange(100), 4))
    with pytest.raises(ValueError, match="finite"):
        marks(np.array([[0.0, np.nan]]), np.array([0]))


def test_classes_have_paired_intervals_and_are_sorted_by_gain() -> None:
    student = {0: (0.9, 0.5, np.nan), 1: (0.8, 0.6, np.nan), 2: (0.9, 0.4, np.nan), 9: (0.0, 0.0, 0.0)}
    alone = {0: (0.7, 0.5, np.nan), 1: (0.7, 0.7, np.nan), 2: (0.8, 0.5, np.nan)}
    first, second = class_changes(student, alone)
    assert (first.place, second.place, first.seeds) == (0, 1, 3)
    gains = [0.9 - 0.7, 0.8 - 0.7, 0.9 - 0.8]
    assert (first.low, first.high) == pytest.approx(t_interval(gains)) and first.mean == pytest.approx(np.mean(gains))
    assert first.chance < second.chance and first.corrected == pytest.approx(2 * first.chance)
    assert class_changes({0: (0.5,)}, {1: (0.5,)}) == ()
    (single,) = class_changes({0: (0.5,)}, {0: (0.25,)})
    assert single.low is None and single.mean == 0.25


def test_rows_of_a_confusion_difference_add_up_to_nothing() -> None:
    after, before = [[3, 1, 0], [0, 4, 0], [0, 0, 0]], [[2, 1, 1], [2, 2, 0], [0, 0, 0]]
    found = confusion_change({1: after, 5: before}, {1: before})
    assert found[0] == pytest.approx([0.25, 0, -0.25]) and found[1] == pytest.approx([-0.5, 0.5, 0])
    assert np.isnan(found[2]).all()
    with pytest.raises(ValueError, match="no seed"):
        confusion_change({1: after}, {2: before})


def test_the_hardest_come_first_and_can_be_those_that_all_get_wrong() -> None:
    one, other = marks(LOGITS, LABELS), marks(TEACHER, LABELS)
    found = hardest([one, other])
    mean = (one.nll + other.nll) / 2
    assert found.amount[0] == mean.max() and np.all(np.diff(found.amount) <= 0) and len(found.rows) == N
    wrong = hardest([one, other], only_all_wrong=True)
    assert set(wrong.rows) == set(np.flatnonzero(~one.right & ~other.right)) and (wrong.wrong == 1).all()
    ranked = by_amount(np.array([1.0, np.nan, 3.0]))
    assert ranked.rows.tolist() == [2, 0] and ranked.amount.tolist() == [3.0, 1.0]


def test_a_sequence_is_wrong_with_one_wrong_step_and_as_hard_as_its_mean_step() -> None:
    logits = np.array([[[4.0, 0], [0, 4.0]], [[4.0, 0], [4.0, 0]]])
    found = hardest([marks(logits, np.array([[0, 0], [0, -100]]), task="tagging")])
    assert found.rows.tolist() == [0, 1] and found.wrong.tolist() == [1, 0]
    assert found.amount[0] == pytest.approx((np.log1p(np.exp(-4)) + np.log1p(np.exp(4))) / 2)


def test_an_interval_over_seeds_ends_where_the_figure_does() -> None:
    found = over_seeds([0.99, 0.9, np.nan], least=0.0, most=1.0)
    assert found is not None and found.values == (0.99, 0.9) and found.high == 1.0 and found.low is not None
    assert over_seeds([np.nan]) is None
    single = over_seeds([0.5])
    assert single is not None and single.low is None
