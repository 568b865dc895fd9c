"""Statistics of a few paired seeds: the same numbers as scipy, the promises of an interval, and its coverage."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks import coverage
from distill_core.evaluation.bootstrap import bootstrap_interval, sample_interval
from distill_core.evaluation.paired_tests import holm, sign_test, split_chance, standardised_effect, t_test_chance
from distill_core.evaluation.sampling_noise import noise_of_test_set
from distill_core.evaluation.seeds_needed import MOST, power, seeds_needed
from distill_core.evaluation.verdict import Verdict, paired_verdict, t_interval

GAINS = (0.031, 0.012, -0.004, 0.022, 0.017)
differences = st.lists(
    st.integers(-200, 200).map(lambda thousandths: thousandths / 1000), min_size=2, max_size=12
)


def judged(gains: tuple[float, ...], *, metric: str = "accuracy") -> Verdict:
    student = {seed: 0.5 + gain for seed, gain in enumerate(gains)}
    return paired_verdict(
        student, dict.fromkeys(student, 0.5), student_name="distilled", baseline_name="alone", metric=metric
    )


def test_the_t_interval_and_its_test_are_scipys() -> None:
    expected = stats.ttest_1samp(GAINS, 0.0)
    interval = expected.confidence_interval(0.95)
    assert t_interval(GAINS) == pytest.approx((interval.low, interval.high))
    assert t_test_chance(GAINS) == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_the_bootstrap_is_scipys_on_the_same_draws(method: str) -> None:
    # Of such fractions sums are exact, so that both see the same means as equal.
    gains = [round(gain * 1024) / 1024 for gain in GAINS]
    expected = stats.bootstrap(
        (np.array(gains),), np.mean, n_resamples=9_999, method={"bca": "BCa"}.get(method, method),
        rng=np.random.default_rng(0),
    ).confidence_interval
    found = bootstrap_interval(gains, method=method)  # type: ignore[arg-type]
    assert found == pytest.approx((expected.low, expected.high), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(differences)
def test_a_bootstrap_interval_lies_within_the_values_and_moves_with_them(values: list[float]) -> None:
    for method in ("percentile", "bca"):
        found = bootstrap_interval(values, method=method, resamples=499)  # type: ignore[arg-type]
        assert found is not None
        low, high = found
        assert min(values) - 1e-12 <= low <= high <= max(values) + 1e-12
        moved = bootstrap_interval([value + 1 for value in values], method=method, resamples=499)  # type: ignore[arg-type]
        assert moved == pytest.approx((low + 1, high + 1), abs=1e-6)


def test_one_value_has_no_interval_equal_ones_a_point_and_a_value_that_is_none_is_refused() -> None:
    assert bootstrap_interval([0.1]) is None and t_interval([0.1]) is None
    assert bootstrap_interval([0.1, 0.1, 0.1]) == (0.1, 0.1)
    with pytest.raises(ValueError, match="finite"):
        bootstrap_interval([0.1, math.nan])


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_exact_split_is_scipys_binomial_test_and_symmetric(one: int, other: int) -> None:
    expected = stats.binomtest(one, one + other).pvalue if one + other else 1.0
    assert split_chance(one, other) == pytest.approx(expected)
    assert split_chance(one, other) == split_chance(other, one)


def test_a_split_of_very_many_is_still_a_probability() -> None:
    assert split_chance(20_000, 21_000) == pytest.approx(stats.binomtest(20_000, 41_000).pvalue, rel=1e-6)


def test_the_sign_test_counts_seeds_and_leaves_ties_out() -> None:
    found = sign_test([0.1, 0.2, -0.1, 0.0, 0.3])
    assert (found.positive, found.negative, found.ties) == (3, 1, 1)
    assert found.chance == pytest.approx(stats.binomtest(3, 4).pvalue)
    assert sign_test([0.1] * 5).chance == pytest.approx(0.0625), "five seeds cannot reach 5%"


def test_the_effect_is_in_deviations_between_seeds_and_corrected_for_few() -> None:
    plain = np.mean(GAINS) / np.std(GAINS, ddof=1)
    assert standardised_effect(GAINS) == pytest.approx(plain * (1 - 3 / (4 * 4 - 1)))
    assert standardised_effect([0.1]) is None and standardised_effect([0.1, 0.1]) is None


def test_equal_differences_have_the_sign_tests_chance() -> None:
    assert t_test_chance([0.1, 0.1, 0.1]) == sign_test([0.1, 0.1, 0.1]).chance
    assert math.isnan(t_test_chance([0.1]))


def test_holm_corrects_as_published_and_keeps_the_order() -> None:
    # Holm's own steps by hand: 0.01 * 4, 0.02 * 3, 0.03 * 2, then never below the one before.
    assert holm([0.02, 0.01, math.nan, 0.9, 0.03])[:2] == pytest.approx((0.06, 0.04))
    found = holm([0.02, 0.01, math.nan, 0.9, 0.03])
    assert math.isnan(found[2]) and found[3:] == pytest.approx((0.9, 0.06))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_corrected_chances_are_never_smaller_and_keep_their_order(chances: list[float]) -> None:
    found = holm(chances)
    assert all(one >= chance and one <= 1 for one, chance in zip(found, chances, strict=True))
    order = sorted(range(len(chances)), key=lambda place: chances[place])
    assert all(found[a] <= found[b] for a, b in pairwise(order))


def test_seeds_needed_are_those_from_which_the_interval_is_narrow_enough() -> None:
    verdict = judged((0.03, -0.01, 0.02))
    found = seeds_needed(verdict)
    assert verdict.verdict == "inconclusive" and found is not None and found.at_least is not None
    values, mean = [gain for _, gain in verdict.differences], verdict.delta_mean
    spread = np.std(values, ddof=1)

    def half(seeds: int) -> float:
        return float(stats.t.ppf(0.975, seeds - 1) * spread / math.sqrt(seeds))

    assert half(found.at_least) < mean <= half(found.at_least - 1)
    assert found.likely is not None and found.likely > found.at_least
    effect = mean / spread
    assert power(found.likely, effect, 0.95) >= 0.8 > power(found.likely - 1, effect, 0.95)
    assert f"{found.at_least} seeds in all" in found.sentence() and f"plan {found.likely}" in found.sentence()


def test_power_is_that_of_scipys_noncentral_t() -> None:
    quantile = stats.t.ppf(0.975, 7)
    assert power(8, 0.9, 0.95) == pytest.approx(1 - stats.nct.cdf(quantile, 7, 0.9 * math.sqrt(8)), abs=1e-8)


def test_a_loss_that_is_better_when_lower_needs_seeds_too() -> None:
    verdict = judged((-0.03, 0.01, -0.02), metric="nll")
    mirrored = judged((0.03, -0.01, 0.02))
    found, other = seeds_needed(verdict), seeds_needed(mirrored)
    assert found is not None and other is not None and found.at_least == other.at_least


def test_nothing_is_needed_where_the_verdict_is_clear_and_no_number_is_told_where_there_is_none() -> None:
    assert seeds_needed(judged((0.03, 0.031, 0.032))) is None
    single = seeds_needed(judged((0.03,)))
    assert single is not None and single.at_least is None and "One seed" in single.sentence()
    hopeless = seeds_needed(judged((0.2, -0.2, 0.1, -0.1)))
    assert hopeless is not None and hopeless.at_least is None and f"Even {MOST} seeds" in hopeless.sentence()


def test_test_set_noise_is_the_paired_bootstrap_of_the_mean_over_seeds() -> None:
    draw = np.random.default_rng(5)
    right = [draw.random(400) < share for share in (0.9, 0.92, 0.8, 0.83)]
    gaps = [right[0].astype(float) - right[2], right[1].astype(float) - right[3]]
    found = noise_of_test_set(gaps, np.arange(400), metric="accuracy")
    assert found is not None
    expected = stats.bootstrap((np.mean(gaps, axis=0),), np.mean, method="percentile", rng=1).confidence_interval
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.004)
    assert found.mean == pytest.approx(np.mean(gaps)) and found.samples == 400


def test_steps_of_one_sequence_are_drawn_together() -> None:
    draw = np.random.default_rng(2)
    of_sequence = draw.normal(0.1, 1, 50)
    steps, sample = np.repeat(of_sequence, 20), np.repeat(np.arange(50), 20)
    whole, single = noise_of_test_set([steps], sample, metric="nll"), sample_interval(steps)
    alone = sample_interval(of_sequence)
    assert whole is not None and single is not None and alone is not None and whole.samples == 50
    assert (whole.low, whole.high) == pytest.approx(alone, abs=1e-9)
    assert whole.high - whole.low > 3 * (single[1] - single[0]), "20 equal steps are not 20 witnesses"


def test_counted_draws_and_single_draws_are_the_same_distribution() -> None:
    values = np.random.default_rng(0).choice([0.0, 1.0], 500, p=[0.3, 0.7])
    few = sample_interval(values, resamples=4000)
    # So small a noise makes every value another one, and moves nothing.
    many = sample_interval(values + np.random.default_rng(1).normal(0, 1e-9, 500), resamples=4000)
    assert few == pytest.approx(many, abs=0.006)


def test_the_95_percent_interval_holds_the_truth_in_93_to_97_of_100_at_5_seeds() -> None:
    held, helped = coverage.coverage(coverage.bell, seeds=5, gain=0.01, experiments=2000)
    assert 0.93 <= held <= 0.97
    held, helped = coverage.coverage(coverage.counts, seeds=5, gain=0.0, experiments=2000, seed=1)
    assert 0.93 <= held <= 0.97 and 0.015 <= helped <= 0.035
    boot = coverage.bootstrap_coverage(coverage.bell, seeds=5, gain=0.01, experiments=300)
    assert max(boot.values()) < 0.9, "what the pages say of so few seeds is no longer true"


def test_the_page_of_statistics_has_what_was_measured() -> None:
    text, rows = coverage.STATISTICS.read_text(encoding="utf-8"), coverage.saved_rows()
    assert coverage.in_page(text, rows) == text, "run: python -m benchmarks.coverage"
    at_five = [row for row in rows if row["seeds"] == 5 and row["differences"] != "skewed"]
    assert at_five and all(93 <= float(row["t interval"].rstrip("%")) <= 97 for row in at_five)
