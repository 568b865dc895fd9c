"""Turns arrays of labels as users save them into classes or values; loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from distill_core.errors import DataError
from distill_core.ingestion.skipped import Skipped
from distill_core.ingestion.text_rows import label_order
from distill_core.signature import NO_LABEL

MOST_CLASSES = 10_000
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Classes:
    """`numbers` int64 [N] or [N,L]: places in `names`, or NO_LABEL."""

    numbers: np.ndarray
    names: tuple[str, ...]


def as_classes(array: np.ndarray, *, key: str, per_step: bool) -> tuple[Classes, list[str]]:
    """Classes of whole numbers, truth values, texts or one-hot rows, in order; raises DataError for others."""
    notes: list[str] = []
    if array.ndim == 2 and not per_step:
        if array.shape[1] == 1:
            array = array[:, 0]
        elif _one_hot(array):
            array = array.argmax(1)
            notes.append("The labels are read as one-hot rows.")
    rank = 2 if per_step else 1
    if array.ndim != rank:
        allowed = "samples x steps" if per_step else "one label a sample, or one-hot rows"
        raise DataError(
            f"The labels {key!r} have the shape {'x'.join(map(str, array.shape))}; allowed: {allowed}. Choose another "
            "array or task."
        )
    written, missing = _written(array, key)
    values, numbers = np.unique(written, return_inverse=True)
    if len(values) > MOST_CLASSES:
        raise DataError(
            f"The labels {key!r} have {len(values):,} different values; allowed: up to {MOST_CLASSES:,} classes. "
            "Choose another array, or the task regression."
        )
    found = [str(value)[:_LONGEST_NAME] for value in values]
    if len(set(found)) < len(found):
        raise DataError(f"Some labels of {key!r} differ only after {_LONGEST_NAME} letters; give shorter names.")
    numbers = numbers.reshape(array.shape)
    used = set(np.unique(numbers[~missing]).tolist())
    names = label_order([name for place, name in enumerate(found) if place in used])
    place_of = {name: number for number, name in enumerate(names)}
    table = np.array([place_of.get(name, NO_LABEL) for name in found], dtype=np.int64)
    return Classes(np.where(missing, NO_LABEL, table[numbers]), tuple(names)), notes


def known_classes(classes: Classes, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Test labels as numbers of the training classes, and which are of none of them (bool, same shape)."""
    place_of = {name: number for number, name in enumerate(names)}
    table = np.array([place_of.get(name, NO_LABEL) for name in classes.names] + [NO_LABEL], dtype=np.int64)
    numbers = np.where(classes.numbers == NO_LABEL, NO_LABEL, table[np.maximum(classes.numbers, -1)])
    return numbers, (numbers == NO_LABEL) & (classes.numbers != NO_LABEL)


def without_rare(classes: Classes, fewest: int, skipped: Skipped) -> tuple[Classes, np.ndarray]:
    """Classes with at least so many samples, and which samples [N] are kept; the others' are left out."""
    counts = np.bincount(classes.numbers[classes.numbers != NO_LABEL], minlength=len(classes.names))
    kept_names = tuple(name for name, count in zip(classes.names, counts, strict=True) if count >= fewest)
    for name, count in zip(classes.names, counts.tolist(), strict=True):
        if count < fewest:
            skipped.add(f"label {name!r}", f"fewer than {fewest} samples", count=count)
    if len(kept_names) < 2:
        raise DataError(
            f"{len(kept_names)} class{'es' * (len(kept_names) != 1)} can be learned; allowed: 2 or more, with {fewest} "
            "samples each. Check which array holds the labels."
        )
    numbers, rare = known_classes(classes, kept_names)
    return Classes(numbers, kept_names), ~rare


def as_values(array: np.ndarray, *, key: str) -> np.ndarray:
    """Numbers float64 [N,D] of a regression, NaN for none; raises DataError for others."""
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2) or 0 in array.shape:
        raise DataError(
            f"The labels {key!r} are {'texts' if array.dtype.kind in 'US' else 'x'.join(map(str, array.shape))}; "
            "allowed for a regression: one number a sample, or several in a row. Choose another array or task."
        )
    values = array.astype(np.float64)
    if np.isinf(values).any():
        raise DataError(f"Some labels of {key!r} are infinite; allowed: finite numbers, NaN for none. Save them anew.")
    return values.reshape(len(values), -1)


def _one_hot(array: np.ndarray) -> bool:
    if array.dtype.kind not in "biuf":
        return False
    return bool(np.isin(array, (0, 1)).all() and (array.sum(1) == 1).all())


def _written(array: np.ndarray, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Labels that can be told apart, and which are none."""
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind == "U":
        plain = np.char.strip(array)
        return plain, plain == ""
    if array.dtype.kind == "f":
        missing = np.isnan(array)
        known = np.where(missing, NO_LABEL, array)
        if (np.abs(known) > 2**53).any() or (known != np.round(known)).any():
            raise DataError(
                f"The labels {key!r} are not whole numbers; allowed for classes: whole numbers, truth values or texts. "
                "Choose the task regression for numbers."
            )
        array = known.astype(np.int64)
    elif array.dtype.kind != "b":
        missing = np.zeros(array.shape, dtype=bool)
    else:
        return array, np.zeros(array.shape, dtype=bool)
    return array, missing | (array == NO_LABEL)
