"""How fit a teacher is: figures by hand, the temperature that follows, and the student alone beside it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from distill_core.evaluation.teacher_fitness import (
    TeacherFitness,
    compare_with_alone,
    flat_steps,
    relative_entropy_of,
    situation_of,
    suggest_temperature,
    teacher_fitness,
)

LOG3, LOG9 = math.log(3), math.log(9)


def test_figures_by_hand() -> None:
    # Odds of 9 to 1: the first class has probability 0.9.
    held = np.array([[LOG9, 0.0], [LOG9, 0.0], [0.0, LOG9], [LOG9, 0.0]])
    seen = np.array([[LOG9, 0.0], [0.0, LOG3], [0.0, LOG9]])
    found = teacher_fitness((held, [0, 0, 1, 1]), (seen, [0, 0, -100]))
    assert found.accuracy == 0.75 and found.validation == 4
    assert found.ece == pytest.approx(0.15), "sure by 0.9, right by 0.75"
    assert found.nll == pytest.approx(-(3 * math.log(0.9) + math.log(0.1)) / 4)
    assert found.agreement == 0.5 and (found.seen, found.labelled) == (3, 2), "one of the two labels that are known"
    assert found.confidence == pytest.approx((0.9 + 0.75 + 0.9) / 3), "of all samples, labelled or not"
    assert TeacherFitness.from_json(found.to_json()) == found


def test_without_labels_the_rest_is_told() -> None:
    found = teacher_fitness((np.array([[1.0, 0.0]]), [-100]), (np.array([[1.0, 0.0]]), [-100]))
    assert math.isnan(found.accuracy) and math.isnan(found.agreement) and found.labelled == found.validation == 0
    assert found.to_json()["accuracy"] is None
    assert math.isnan(TeacherFitness.from_json(found.to_json()).nll)


def test_entropy_is_a_share_of_the_most_there_can_be() -> None:
    assert relative_entropy_of([[0.0, 0.0, 0.0]], temperature=3) == pytest.approx(1.0)
    assert relative_entropy_of([[100.0, 0.0, 0.0]], temperature=1) == pytest.approx(0.0, abs=1e-9)
    # Odds of 9 to 1 become 3 to 1 at T=2.
    expected = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) / math.log(2)
    assert relative_entropy_of([[LOG9, 0.0]], temperature=2) == pytest.approx(expected)
    assert relative_entropy_of([[5.0]], temperature=1) == 0.0, "one class has nothing to be unsure of"


# Margins of a digits teacher: sure on its own samples, T=4 and T=8 reach a third and four fifths of log 10.
SURE = np.zeros((50, 10))
SURE[:, 0] = 14.0


@pytest.mark.parametrize(
    ("situation", "expected"), [("unlabelled", 4), ("labelled", 8), ("withheld", 16)],
)
def test_the_temperature_is_the_smallest_that_says_enough(situation: str, expected: int) -> None:
    found = suggest_temperature(SURE, situation=situation)  # type: ignore[arg-type]
    assert found.temperature == expected and found.reached
    assert found.entropy >= found.needed
    assert relative_entropy_of(SURE, temperature=expected / 2) < found.needed


def test_a_soft_teacher_needs_no_heat_and_a_hard_one_more_than_there_is() -> None:
    assert suggest_temperature(SURE / 14, situation="labelled").temperature == 1
    hard = suggest_temperature(SURE * 50, situation="labelled")
    assert hard.temperature == 16 and not hard.reached


def test_what_students_lack() -> None:
    assert situation_of([0, 1, 2], withheld=False) == "labelled"
    assert situation_of([0, -100], withheld=False) == "labelled", "half of the labels"
    assert situation_of([0, -100, -100], withheld=False) == "unlabelled"
    assert situation_of([-100, -100], withheld=True) == "withheld"


def test_steps_of_a_tagging_are_samples_but_padding_is_none() -> None:
    logits, labels = np.arange(12.0).reshape(1, 3, 4), np.array([[2, -100, -100]])
    steps, shown = flat_steps(logits, labels, there=[[True, True, False]])
    assert steps.tolist() == logits[0, :2].tolist() and shown.tolist() == [2, -100]
    assert len(flat_steps(logits, labels)[0]) == 3


def test_the_student_alone_beside_the_teacher() -> None:
    teacher = np.array([1, 1, 0, 0, 1, 0, 0, 0], dtype=bool)
    alone = np.array([[1, 0, 1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1, 1, 0]], dtype=bool)
    found = compare_with_alone(teacher, alone)
    assert (found.teacher, found.alone) == (3 / 8, 13 / 16)
    assert found.difference == pytest.approx(3 / 8 - 13 / 16)
    assert (found.only_teacher, found.only_alone) == (1 / 16, 8 / 16)
    differences = teacher - alone.mean(0)
    half = 1.96 * differences.std(ddof=1) / math.sqrt(8)
    assert (found.low, found.high) == pytest.approx((differences.mean() - half, differences.mean() + half))
    assert found.is_weaker and not compare_with_alone(alone[1], teacher[None]).is_weaker


def test_a_gap_that_chance_explains_is_no_weakness() -> None:
    teacher, alone = np.array([1, 0, 1, 0], dtype=bool), np.array([[0, 1, 1, 1]], dtype=bool)
    found = compare_with_alone(teacher, alone)
    assert found.difference < 0 and not found.is_weaker


@pytest.mark.parametrize(("teacher", "alone"), [((4,), (2, 3)), ((4,), (0, 4)), ((0,), (1, 0)), ((4,), (4,))])
def test_answers_to_other_samples_are_refused(teacher: tuple[int, ...], alone: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        compare_with_alone(np.zeros(teacher, dtype=bool), np.zeros(alone, dtype=bool))
