"""Verdicts: the interval, the three judgements, and what the sentences say."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from distill_core.evaluation.verdict import METRICS, Verdict, paired_verdict, t_interval


def judge(differences: list[float], *, metric: str = "accuracy", base: float = 0.9) -> Verdict:
    baseline = dict.fromkeys(range(len(differences)), base)
    student = {seed: base + difference for seed, difference in enumerate(differences)}
    return paired_verdict(student, baseline, student_name="distilled", baseline_name="alone", metric=metric)


def test_the_interval_is_the_paired_t_test_of_scipy() -> None:
    draw = np.random.default_rng(1)
    student, baseline = draw.normal(0.95, 0.01, 5), draw.normal(0.92, 0.02, 5)
    verdict = paired_verdict(
        dict(enumerate(student)), dict(enumerate(baseline)), student_name="s", baseline_name="b", confidence=0.9
    )
    expected = stats.ttest_rel(student, baseline).confidence_interval(0.9)
    assert (verdict.ci_low, verdict.ci_high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert verdict.delta_mean == pytest.approx((student - baseline).mean())
    assert verdict.student_mean == pytest.approx(student.mean())


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    draw = np.random.default_rng(20)
    trials = draw.normal(0.03, 0.015, size=(4000, 5))
    intervals = [t_interval(list(trial)) for trial in trials]
    covered = sum(interval is not None and interval[0] <= 0.03 <= interval[1] for interval in intervals)
    assert 0.93 <= covered / len(trials) <= 0.97


@pytest.mark.parametrize(
    ("differences", "verdict", "because"),
    [
        ([0.04, 0.05, 0.03], "helped", "The whole interval is on the better side of zero."),
        ([0.001, 0.001, 0.0012], "helped", "though by less than half a point"),
        ([0.0, 0.001, -0.001], "did not help", "Even the best end of the interval gains less than half a point."),
        ([-0.04, -0.05, -0.03], "did not help", "The whole interval is on the worse side of zero."),
        ([0.04, -0.02, 0.01], "inconclusive", "more seeds would narrow it"),
        ([0.04], "inconclusive", "One seed cannot tell."),
        ([], "inconclusive", "no seed has both figures"),
        ([0.0, 0.0, 0.0], "did not help", "less than half a point"),
    ],
)
def test_the_three_judgements(differences: list[float], verdict: str, because: str) -> None:
    found = judge(differences)
    assert found.verdict == verdict
    assert because in found.because()
    assert found.sentence().endswith(f": {verdict}.")
    assert (found.ci_low is None) == (len(differences) < 2)


@pytest.mark.parametrize(
    ("metric", "differences", "shown"),
    [
        ("r2", [-0.0004, -0.0006, -0.0005], "-0.0005 (95% CI -0.001 to -0.0003"),
        ("accuracy", [-0.0002, -0.0003, -0.0004], "-0.03 points (95% CI -0.1 to -0.01"),
        ("accuracy", [0.0, 0.0, 0.0], "+0.0 points (95% CI +0.0 to +0.0"),
        ("r2", [1e-9, 1e-9, 1e-9], "+0.000000 (95% CI +0.000000 to +0.000000"),
    ],
)
def test_a_difference_too_small_for_the_usual_digits_keeps_its_sign(
    metric: str, differences: list[float], shown: str
) -> None:
    assert shown in judge(differences, metric=metric).sentence()


def test_no_variance_makes_the_interval_a_point() -> None:
    found = judge([0.125, 0.125, 0.125], base=0.5)
    assert found.ci_low == found.ci_high == found.delta_mean == 0.125
    assert found.verdict == "helped"


@pytest.mark.parametrize("metric", [name for name, metric in METRICS.items() if not metric.higher_is_better])
def test_less_is_better_for_losses_and_calibration(metric: str) -> None:
    assert judge([-0.2, -0.21, -0.19], metric=metric).verdict == "helped"
    assert judge([0.2, 0.21, 0.19], metric=metric).verdict == "did not help"
    assert judge([-0.2, 0.2, 0.1], metric=metric).verdict == "inconclusive"
    assert judge([-0.2, -0.21, -0.19], metric=metric).delta_mean == pytest.approx(-0.2)


def test_only_seeds_present_in_both_count_and_nan_seeds_are_told() -> None:
    student = {0: 0.95, 1: 0.96, 2: float("nan"), 3: 0.94, 9: 0.5}
    baseline = {0: 0.91, 1: 0.92, 2: 0.93, 3: float("inf"), 8: 0.99}
    found = paired_verdict(student, baseline, student_name="s", baseline_name="b")
    assert (found.seeds, found.dropped) == (2, 2)
    assert [seed for seed, _ in found.differences] == [0, 1]
    assert found.baseline_mean == pytest.approx(0.915)
    assert found.because().endswith("2 seeds without figures left out.")


def test_the_sentence_tells_values_difference_interval_and_seeds() -> None:
    student, baseline = [0.969, 0.97, 0.96, 0.975, 0.971], [0.92, 0.95, 0.92, 0.93, 0.92]
    found = paired_verdict(
        dict(enumerate(student)), dict(enumerate(baseline)), student_name="distilled T=8", baseline_name="alone"
    )
    assert found.sentence() == "distilled T=8 96.9%, alone 92.8%: +4.1 points (95% CI +2.6 to +5.6, 5 seeds): helped."
    losses = paired_verdict({0: 0.11, 1: 0.12}, {0: 0.37, 1: 0.38}, student_name="s", baseline_name="b", metric="nll")
    expected = "NLL: s 0.115, b 0.375: -0.260 nats (95% CI -0.260 to -0.260, 2 seeds): helped."
    assert losses.sentence() == expected
    one = paired_verdict({0: 0.95}, {0: 0.95}, student_name="s", baseline_name="b")
    assert one.sentence() == "s 95.0%, b 95.0%: +0.0 points (1 seed): inconclusive."
    none = paired_verdict({0: 0.95}, {1: 0.95}, student_name="s", baseline_name="b")
    assert none.sentence() == "s and b share no seed with figures: inconclusive."


def test_a_tiny_negative_difference_is_not_written_as_minus_zero() -> None:
    assert "-0.0 " not in judge([-1e-6, -2e-6]).sentence()


def test_the_json_has_no_nan() -> None:
    for found in (judge([]), judge([0.1]), judge([0.1, 0.2])):
        plain = found.to_json()
        json.dumps(plain, allow_nan=False)
        assert plain["verdict"] == found.verdict
        assert (plain["delta_mean"] is None) == math.isnan(found.delta_mean)


def test_unknown_metrics_and_impossible_confidences_are_refused() -> None:
    with pytest.raises(ValueError, match="expected one of accuracy"):
        judge([0.1, 0.2], metric="beauty")
    with pytest.raises(ValueError, match="between 0 and 1"):
        t_interval([0.1, 0.2], confidence=95)
    assert t_interval([0.1]) is None
