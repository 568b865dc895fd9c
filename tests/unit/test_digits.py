"""The embedded digits are scikit-learn's, though read without loading it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from distill_core.datasets import digits


@pytest.mark.parametrize("moved", [False, True])
def test_they_are_what_scikit_learn_itself_reads(moved: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if moved:
        monkeypatch.setattr(digits, "find_spec", lambda name: None)
    rows, bunch = digits.read_rows(), load_digits()
    assert rows.shape == (1797, 65)
    assert np.array_equal(rows[:, :64].reshape(-1, 8, 8), bunch.images)
    assert np.array_equal(rows[:, 64], bunch.target)
