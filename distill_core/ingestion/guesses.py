"""What a table's columns and a file's arrays probably are, as a start for whoever chooses; loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from distill_core.ingestion.npz_file import ArrayFacts
from distill_core.ingestion.table_file import TablePeek
from distill_core.signature import Task

_LABEL_TITLES = ("label", "labels", "class", "category", "target", "sentiment", "stars", "rating", "score", "y")
_LABEL_KEYS = ("y", "label", "target", "class", "truth")


class ArrayGuess(NamedTuple):
    """Keys of inputs and labels, what a sample is and what is to be learnt; test keys are empty if there are none."""

    inputs: str
    labels: str
    kind: Literal["image", "sequence", "table"]
    task: Task
    test_inputs: str = ""
    test_labels: str = ""


def guess_columns(table: TablePeek) -> tuple[str, str]:
    """Text and label column: the one with the longest cells; then by its title, else the fewest different values.

    Raises ValueError for a table of fewer than two columns.
    """
    if len(table.columns) < 2:
        raise ValueError("a text and its label need two columns")
    places = range(len(table.columns))
    lengths = [sum(len(row[place]) for row in table.rows) for place in places]
    text = max(places, key=lambda place: lengths[place])
    others = [place for place in places if place != text]
    titled = [place for place in others if table.columns[place].strip().lower() in _LABEL_TITLES]
    label = titled[0] if titled else min(others, key=lambda place: len({row[place] for row in table.rows}))
    return table.columns[text], table.columns[label]


def guess_arrays(arrays: Sequence[ArrayFacts]) -> ArrayGuess:
    """Inputs are what has most dimensions, labels what has as many samples and a telling name or fewest dimensions.

    Raises ValueError for fewer than two arrays.
    """
    if len(arrays) < 2:
        raise ValueError("inputs and labels are two arrays")
    for_learning = [one for one in arrays if not _is_for_test(one)]
    offered = for_learning if len(for_learning) > 1 else list(arrays)
    inputs, labels = _pair(offered)
    kind = _kind(inputs)
    steps_told = kind == "sequence" and len(labels.shape) == 2 and labels.shape[1] == inputs.shape[1]
    task: Task = "tagging" if steps_told else "classification"
    if labels.dtype.startswith("float"):
        task = "regression"
    for_test = [one for one in arrays if _is_for_test(one)]
    if offered is not for_learning or len(for_test) < 2:
        return ArrayGuess(inputs.key, labels.key, kind, task)
    test_inputs, test_labels = _pair(for_test)
    return ArrayGuess(inputs.key, labels.key, kind, task, test_inputs.key, test_labels.key)


def _pair(offered: Sequence[ArrayFacts]) -> tuple[ArrayFacts, ArrayFacts]:
    """Inputs and labels among at least two arrays."""
    inputs = max(offered, key=lambda one: (len(one.shape), _per_sample(one)))
    others = [one for one in offered if one.key != inputs.key]
    labels = min(others, key=lambda one: (one.shape[:1] != inputs.shape[:1], not _is_titled(one), len(one.shape)))
    return inputs, labels


def _is_for_test(array: ArrayFacts) -> bool:
    return "test" in array.key.lower()


def _per_sample(array: ArrayFacts) -> int:
    size = 1
    for length in array.shape[1:]:
        size *= length
    return size


def _is_titled(array: ArrayFacts) -> bool:
    return array.key.lower().startswith(_LABEL_KEYS)


def _kind(inputs: ArrayFacts) -> Literal["image", "sequence", "table"]:
    """Three dimensions of bytes are grey images, of other numbers sequences."""
    if len(inputs.shape) >= 4 or (len(inputs.shape) == 3 and inputs.dtype == "uint8"):
        return "image"
    return "sequence" if len(inputs.shape) == 3 else "table"
