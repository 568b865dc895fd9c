"""Samples as a person would correct them, and experiments that have read the digits; no torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from distill_core.folders import Home
from distill_core.trying import Sample
from tests.fixtures import build_finished_experiment, preset_spec

CLASSES = tuple("0123456789")


def drawn(number: int, **changes: Any) -> Sample:
    """A little picture that no other number has."""
    inputs = np.zeros((1, 8, 8), dtype=np.float32)
    inputs[0, 2:6, 2:6] = 1.0
    inputs[0, 0] = [(number >> bit) & 1 for bit in range(8)]
    return Sample(**{"inputs": inputs, "source": "drawn", "test_index": None} | changes)


def of_test(row: int) -> Sample:
    """The digits' test image of that row, as an exported graph takes it."""
    from sklearn.datasets import load_digits

    pixels = np.round(load_digits().images[1157 + row] * (255 / 16)) / 255
    return Sample(pixels[None].astype(np.float32), source="test", test_index=row)


def digits_experiment(home: Home, **changes: Any) -> str:
    return build_finished_experiment(home, spec=preset_spec(seeds=2, **changes))
