"""What is said of corrections: the sentence, few counts without percentages, McNemar's exact test."""

from __future__ import annotations

from typing import Any

import pytest
from scipy.stats import binomtest

from distill_core.evaluation.feedback import Feedback, HeldBack, RunEffect, judged, share
from distill_core.evaluation.paired_tests import split_chance


def run(name: str = "distilled", seed: int = 0, *, before: int | None = 952, after: int = 956, **changes: Any
) -> RunEffect:
    fixed = None if before is None else 14 + max(after - before, 0)
    data: dict[str, Any] = {
        "run_id": f"{name}{seed}", "role": "student", "name": name, "seed": seed, "test_total": 1000,
        "test_before": before, "test_after": after, "fixed": fixed,
        "broken": None if before is None or fixed is None else fixed - (after - before),
        "held_before": None if before is None else 0, "held_after": 4, "learnt_after": 12,
        "answers_after": ("1",) * 5,
    }
    return RunEffect(**data | changes)


def result(*runs: RunEffect, held: int = 5) -> Feedback:
    return Feedback(
        corrections="0" * 16, experiment_id="a", learnt=12, runs=runs,
        held_back=tuple(HeldBack(row=row, label="1") for row in range(held)),
    )


def test_the_sentence_tells_test_set_and_held_back_corrections() -> None:
    assert result(run()).sentence() == (
        "With 12 corrections learnt, accuracy of distilled on the test set went from 95.2% to 95.6%; on 5 held-back "
        "corrections from 0 of 5 to 4 of 5 right."
    )
    two = result(run(), run(seed=1, after=954, held_after=1)).sentence()
    assert "from 95.2% to 95.5%; on 5" in two and two.endswith("from 0 of 5 to 2.5 of 5 right, means of 2 seeds.")
    assert "stayed at 95.2%; no correction is held back to check it" in result(run(after=952), held=0).sentence()
    assert "on the test set is 95.6%; on 5 held-back corrections 4 of 5 right." in result(run(before=None)).sentence()
    assert result().sentence() == "With 12 corrections learnt, no run was finished."


def test_a_percentage_needs_twenty_samples() -> None:
    assert [share(4, 19), share(5, 20), share(2.5, 7)] == ["4 of 19", "5 of 20 (25.0%)", "2.5 of 7"]


def test_the_headline_is_the_best_distilled_variant_of_before() -> None:
    teacher = run("teacher", before=990, role="teacher")
    found = result(teacher, run("alone", role="baseline", before=999), run("good"), run("lucky", before=900, after=999))
    assert found.headline == ("student", "good")
    assert result(teacher).headline == ("teacher", "teacher")


@pytest.mark.parametrize(("fixed", "broken"), [(0, 0), (5, 0), (14, 9), (9, 14), (300, 220), (1, 1)])
def test_mcnemar_is_the_exact_binomial_test(fixed: int, broken: int) -> None:
    expected = binomtest(fixed, fixed + broken).pvalue if fixed + broken else 1.0
    assert split_chance(fixed, broken) == pytest.approx(expected)


def test_one_seed_is_judged_by_its_changed_answers_and_several_by_their_interval() -> None:
    assert judged([run(fixed=14, broken=9)]) == (
        "14 test samples became right and 9 wrong: no more than chance may do (McNemar's exact test, p = 0.4)."
    )
    assert "more than chance (" in judged([run(fixed=20, broken=3)])
    assert judged([run(before=None)]) == ""
    several = judged([run(seed=seed, after=956 + seed) for seed in range(5)])
    assert several.startswith("+0.6 points (95% CI +0.4 to +0.8, 5 seeds): the corrections helped")
    assert "cannot tell" in judged([run(seed=0, after=940), run(seed=1, after=990)])
