"""Soft labels at any temperature, and where two networks disagree most."""

from __future__ import annotations

import numpy as np
import pytest

from distill_core.evaluation.disagreement import disagreement, distances
from distill_core.evaluation.soft_labels import soft_labels, top_guesses

LOGITS = np.array([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [1.0, 0.9, 0.0], [0.0, 0.0, 4.0]])
OTHER = np.array([[4.0, 0.1, 0.0], [4.0, 0.0, 0.0], [0.9, 1.0, 0.0], [0.0, 3.0, 0.0]])
LABELS = np.array([0, 1, 1, 1])


def test_temperature_softens_and_never_reorders() -> None:
    cold, warm = soft_labels([3.0, 1.0, 0.0]), soft_labels([3.0, 1.0, 0.0], temperature=20)
    assert cold.sum() == pytest.approx(1) and warm.sum() == pytest.approx(1)
    assert cold[0] == pytest.approx(np.exp(3) / (np.exp(3) + np.exp(1) + 1))
    assert warm[0] == pytest.approx(np.exp(0.15) / (np.exp(0.15) + np.exp(0.05) + 1))
    assert np.argsort(-cold).tolist() == np.argsort(-warm).tolist()
    with pytest.raises(ValueError, match="temperature"):
        soft_labels([1.0], temperature=0)


def test_the_likeliest_classes_come_first() -> None:
    found = top_guesses([0.0, 2.0, 1.0, 2.0], most=3)
    assert [one.place for one in found] == [1, 3, 2]
    assert found[0].share > found[2].share
    assert len(top_guesses([1.0, 2.0], most=5)) == 2


def test_huge_logits_do_not_overflow() -> None:
    assert soft_labels([1e30, 0.0]).tolist() == [1, 0]


def test_disagreement_is_the_share_of_probability_on_different_classes() -> None:
    found = distances(LOGITS, OTHER, LABELS, task="classification")
    first, second = soft_labels(LOGITS), soft_labels(OTHER)
    np.testing.assert_allclose(found, np.abs(first - second).sum(axis=1) / 2)
    assert distances(LOGITS, LOGITS, LABELS, task="classification").tolist() == [0, 0, 0, 0]


def test_the_greatest_disagreement_comes_first_and_can_be_of_one_side_only() -> None:
    assert disagreement(LOGITS, OTHER, LABELS, task="classification").rows.tolist() == [1, 3, 2, 0]
    assert disagreement(LOGITS, OTHER, LABELS, task="classification", which="first").rows.tolist() == [1]
    assert disagreement(LOGITS, OTHER, LABELS, task="classification", which="second").rows.tolist() == [3, 2]


def test_many_samples_are_counted_in_parts_alike() -> None:
    draw = np.random.default_rng(0)
    first, second = draw.normal(size=(2, 5000, 3))
    whole = distances(first, second, np.zeros(5000), task="classification")
    assert whole[4999] == distances(first[4999:], second[4999:], np.zeros(1), task="classification")[0] > 0


def test_steps_without_a_label_count_nothing() -> None:
    first = np.zeros((1, 3, 2))
    second = first.copy()
    first[0, 0], first[0, 2] = (9, -9), (9, -9)
    second[0, 0], second[0, 2] = (-9, 9), (-9, 9)
    labels = np.array([[0, 0, -100]])
    assert distances(first, second, labels, task="tagging")[0] == pytest.approx(0.5, abs=1e-6)
    assert disagreement(first, second, labels, task="tagging", which="first").rows.tolist() == [0]
    assert disagreement(first, second, labels, task="tagging", which="second").rows.tolist() == []


def test_values_are_compared_by_their_distance_and_what_is_no_number_is_left_out() -> None:
    first, second = np.array([[0.0, 0.0], [1.0, 1.0], [np.nan, 0.0]]), np.array([[0.5, 0.5], [3.0, 1.0], [0.0, 0.0]])
    found = disagreement(first, second, np.zeros((3, 2)), task="regression")
    assert found.rows.tolist() == [1, 0] and found.distance.tolist() == [1.0, 0.5]


def test_answers_of_unequal_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="expected the same"):
        distances(LOGITS, OTHER[:2], LABELS, task="classification")
