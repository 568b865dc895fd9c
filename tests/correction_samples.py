"""Samples as a person would correct them, and experiments that have read the digits; no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core.correction_sets import Source
from distill_core.folders import Home
from tests.fixtures import build_finished_experiment, preset_spec

CLASSES = tuple("0123456789")


@dataclass(frozen=True)
class Given:
    """What the page hands over, as trying.Sample does."""

    inputs: NDArray[Any]
    source: Source = "drawn"
    test_index: int | None = None
    text: str = ""


def drawn(number: int, **changes: Any) -> Given:
    """A little picture that no other number has."""
    inputs = np.zeros((1, 8, 8), dtype=np.float32)
    inputs[0, 2:6, 2:6] = 1.0
    inputs[0, 0] = [(number >> bit) & 1 for bit in range(8)]
    return Given(**{"inputs": inputs} | changes)


def of_test(row: int) -> Given:
    """The digits' test image of that row, as an exported graph takes it."""
    from sklearn.datasets import load_digits

    pixels = np.round(load_digits().images[1157 + row] * (255 / 16)) / 255
    return Given(pixels[None].astype(np.float32), source="test", test_index=row)


def digits_experiment(home: Home, **changes: Any) -> str:
    return build_finished_experiment(home, spec=preset_spec(seeds=2, **changes))
