"""Which term dominates: from gradients before losses, never of a term that is meant to be alone or to come late."""

from __future__ import annotations

import pytest

from distill_core.evaluation.loss_budget import (
    EpochBudget,
    WeightedTerm,
    about,
    dominance,
    shares_of,
    term_names,
)

TWO = [WeightedTerm("cross-entropy", 1.0), WeightedTerm("hint", 100.0)]


def epochs(*norms: dict[str, float], losses: dict[str, float] | None = None) -> list[EpochBudget]:
    return [EpochBudget((n + 1) / len(norms), losses or {"cross-entropy": 1.0, "hint": 1.0}, one)
            for n, one in enumerate(norms)]


def test_a_dominating_gradient_and_its_fair_weight() -> None:
    found = dominance(TWO, epochs(*[{"cross-entropy": 1.0, "hint": 19.5}] * 3))
    assert found is not None
    assert (found.term, found.measure, found.weight, found.epochs) == ("hint", "gradient", 100.0, 3)
    assert found.share == pytest.approx(19.5 / 20.5)
    # 100 / 19.5 = 5.13: with this weight both pull alike.
    assert found.fair_weight == 5.0


def test_a_fair_share_among_three_is_the_mean_of_the_others() -> None:
    terms = [*TWO, WeightedTerm("kd", 1.0)]
    found = dominance(terms, epochs({"cross-entropy": 1.0, "hint": 200.0, "kd": 3.0}))
    assert found is not None and found.fair_weight == 1.0, "100 * (1 + 3) / 2 / 200"


@pytest.mark.parametrize("hint", [18.9, 10.0, 1.0])
def test_up_to_95_percent_nothing_is_said(hint: float) -> None:
    assert dominance(TWO, epochs({"cross-entropy": 1.0, "hint": hint})) is None


def test_one_wild_epoch_is_no_dominance_and_half_of_them_are() -> None:
    calm, wild = {"cross-entropy": 1.0, "hint": 1.0}, {"cross-entropy": 0.001, "hint": 1.0}
    assert dominance(TWO, epochs(calm, calm, wild)) is None
    assert dominance(TWO, epochs(calm, wild, wild)) is not None


def test_losses_are_judged_only_where_no_gradient_was_measured() -> None:
    large = {"cross-entropy": 0.01, "hint": 9.0}
    assert dominance(TWO, epochs({"cross-entropy": 1.0, "hint": 1.0}, losses=large)) is None
    found = dominance(TWO, epochs({}, losses=large))
    assert found is not None and (found.measure, found.fair_weight) == ("loss", 0.1)


def test_a_term_alone_dominates_nobody() -> None:
    assert dominance([WeightedTerm("kd", 3.0)], epochs({"kd": 3.0})) is None
    idle = [WeightedTerm("kd", 3.0), WeightedTerm("cross-entropy", 0.0)]
    assert dominance(idle, epochs({"kd": 3.0})) is None


def test_epochs_count_while_every_weight_is_whole() -> None:
    """A warm-up begins at nothing on purpose: until it is over its share says nothing."""
    late = [TWO[0], WeightedTerm("hint", 1.0, "warm-up", 0.5)]
    assert dominance(late, [EpochBudget(0.2, {}, {"cross-entropy": 1.0, "hint": 0.01})] * 3) is None
    assert dominance(late, [EpochBudget(0.6, {}, {"cross-entropy": 1.0, "hint": 0.01})] * 3) is not None
    early = [TWO[0], WeightedTerm("hint", 1.0, "decay", 0.5)]
    assert dominance(early, [EpochBudget(0.9, {}, {"cross-entropy": 1.0, "hint": 0.01})] * 3) is None
    assert dominance(early, [EpochBudget(0.4, {}, {"cross-entropy": 1.0, "hint": 0.01})] * 3) is not None


def test_where_the_others_do_not_pull_no_weight_is_fair() -> None:
    found = dominance(TWO, epochs({"cross-entropy": 0.0, "hint": 2.0}))
    assert found is not None and found.share == 1.0 and found.fair_weight is None


def test_what_cannot_be_shared_out_is_passed_over() -> None:
    nothing = [{"cross-entropy": 0.0, "hint": 0.0}, {"cross-entropy": float("nan"), "hint": 1.0}, {"kd": 1.0}]
    assert dominance(TWO, epochs(*nothing)) is None
    assert dominance(TWO, []) is None


def test_losses_below_zero_count_as_nothing() -> None:
    assert shares_of({"vid": -3.0, "kd": 1.0}) == {"vid": 0.0, "kd": 1.0}


@pytest.mark.parametrize(("weight", "said"), [(5.13, 5.0), (0.0473, 0.05), (95.0, 100.0), (1.0, 1.0), (0.96, 1.0)])
def test_a_weight_is_told_by_one_digit(weight: float, said: float) -> None:
    assert about(weight) == said


def test_repeated_losses_are_numbered_as_in_the_events() -> None:
    assert term_names(["hint", "kd", "hint", "hint"]) == ["hint", "kd", "hint 2", "hint 3"]
