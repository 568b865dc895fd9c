"""Linear CKA and Wilson's interval against their definitions and other implementations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, ortho_group

from distill_core.evaluation.proportion import wilson_interval
from distill_core.evaluation.similarity import alignment, centred_gram, linear_cka

RANDOM = np.random.default_rng(7)
FIRST, SECOND = RANDOM.normal(size=(40, 6)), RANDOM.normal(size=(40, 9)) + 3


def by_definition(x: np.ndarray, y: np.ndarray) -> float:
    """Kornblith et al. 2019, eq. 5, in the features: ||Y'X||² / (||X'X|| ||Y'Y||)."""
    x, y = x - x.mean(0), y - y.mean(0)
    return float(np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)))


def test_it_is_what_the_paper_says() -> None:
    assert linear_cka(FIRST, SECOND) == pytest.approx(by_definition(FIRST, SECOND), abs=1e-12)
    mixed = FIRST @ RANDOM.normal(size=(6, 4)) + 0.3 * RANDOM.normal(size=(40, 4))
    assert linear_cka(FIRST, mixed) == pytest.approx(by_definition(FIRST, mixed), abs=1e-12)


def test_a_layer_is_wholly_like_itself_however_turned_scaled_or_moved() -> None:
    turned = 3.7 * FIRST @ ortho_group.rvs(6, random_state=1) + 5
    assert linear_cka(FIRST, FIRST) == pytest.approx(1)
    assert linear_cka(FIRST, turned) == pytest.approx(1)
    assert linear_cka(turned, SECOND) == pytest.approx(linear_cka(FIRST, SECOND))
    stretched = FIRST * np.array([1, 1, 1, 1, 1, 50])
    assert linear_cka(FIRST, stretched) < 0.9, "but not one whose directions were stretched apart"


def test_maps_count_place_by_place_and_layers_that_never_change_have_no_likeness() -> None:
    maps = RANDOM.normal(size=(10, 2, 3, 3))
    assert linear_cka(maps, maps.reshape(10, 18)) == pytest.approx(1)
    assert linear_cka(np.ones((10, 3)), maps) is None
    with pytest.raises(ValueError, match="expected the same samples"):
        alignment(centred_gram(FIRST), centred_gram(FIRST[:9]))


@given(st.integers(1, 400).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_wilson_is_scipys(counts: tuple[int, int]) -> None:
    right, total = counts
    expected = binomtest(right, total).proportion_ci(confidence_level=0.95, method="wilson")
    assert wilson_interval(right, total) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        wilson_interval(0, 0)
    with pytest.raises(ValueError, match="5 of 4"):
        wilson_interval(5, 4)
