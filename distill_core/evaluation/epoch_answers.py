"""What a network answered to a few test samples at the end of its epochs: which samples, which epochs, their file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from distill_core.whole_files import write_bytes

MOST_SAMPLES, USUAL_SAMPLES, LEAST_SAMPLES = 200, 100, 20
EACH = 2
"""Samples of a class at least, of many classes, while there is room."""
MOST_EPOCHS, MOST_TEACHER_EPOCHS = 40, 20
"""With the usual samples that is 1 to 2% of the time of training the tiny networks of the digits."""
LARGEST_BYTES = 8 * 2**20
"""Of one run's answers: of many classes fewer samples are watched."""


@dataclass(frozen=True, eq=False)
class EpochAnswers:
    """`logits` float32 [E,N,K] at the ends of `epochs` int64 [E], ascending from 1, on the test set's rows `samples`
    int64 [N]."""

    epochs: NDArray[np.int64]
    samples: NDArray[np.int64]
    logits: NDArray[np.float32]


def watched_rows(labels: ArrayLike, *, outputs: int) -> NDArray[np.int64]:
    """The rows [N] of the test set whose answers are kept, ascending; a pure function of its labels int64 [M].

    As many of each class as of any other while they last, each class's evenly spread over its rows.
    """
    known = np.asarray(labels)
    wanted = min(MOST_SAMPLES, max(USUAL_SAMPLES, EACH * outputs))
    most = min(len(known), wanted, max(LEAST_SAMPLES, LARGEST_BYTES // (4 * MOST_EPOCHS * outputs)))
    rows_of = [np.flatnonzero(known == label) for label in np.unique(known)]
    share = _shares([len(rows) for rows in rows_of], most)
    chosen = [
        rows[np.linspace(0, len(rows) - 1, count).round().astype(np.int64)]
        for rows, count in zip(rows_of, share, strict=True)
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int64) if chosen else np.zeros(0, np.int64)


def _shares(sizes: list[int], most: int) -> list[int]:
    """How many to take of each group: one of each in turn, until there are `most` or nothing is left."""
    share = [0] * len(sizes)
    left = most
    while left > 0 and (open_ := [place for place, size in enumerate(sizes) if share[place] < size]):
        each = max(1, min(left // len(open_), *(sizes[place] - share[place] for place in open_)))
        for place in open_[:left]:
            share[place] += each
        left = most - sum(share)
    return share


def kept_epochs(total: int, *, most: int = MOST_EPOCHS) -> frozenset[int]:
    """The epochs, counted from 1, of a budget of `total` that are kept: evenly, the first and the last among them."""
    return frozenset(np.linspace(1, total, min(total, most)).round().astype(int).tolist())


def write_epoch_answers(path: Path, found: EpochAnswers, *, fence: Callable[[], None] = lambda: None) -> None:
    """Replace the file as a whole; `fence` as in whole_files."""
    tensors: dict[str, NDArray[Any]] = {
        "logits": np.ascontiguousarray(found.logits, np.float32), "epochs": np.ascontiguousarray(found.epochs),
        "samples": np.ascontiguousarray(found.samples),
    }
    write_bytes(path, save(tensors), fence=fence)


def read_epoch_answers(path: Path) -> EpochAnswers | None:
    """None where there are none, or the file is damaged: they are shown, and nothing is computed from them."""
    try:
        held = load(path.read_bytes())
        found = EpochAnswers(epochs=held["epochs"], samples=held["samples"], logits=held["logits"])
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
    whole = found.logits.ndim == 3 and found.logits.shape[:2] == (len(found.epochs), len(found.samples))
    return found if whole else None
