"""Which texts of a table train and which test, so that no text does both; loads no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from distill_core.errors import DataError
from distill_core.ingestion.skipped import Skipped
from distill_core.ingestion.text_rows import UNLABELLED, TextRows, label_order

MOST_CLASSES = 1000
_FEWEST_VALUES = 5


@dataclass(frozen=True)
class TextSplit:
    """Places of rows in the training table and in the test table, which may be the same one.

    Labels as the places are: numbers of `names`, or UNLABELLED; of a regression float, NaN for none.
    """

    train: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray
    test_labels: np.ndarray
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def split_one(rows: TextRows, *, fraction: float, numeric: bool, skipped: Skipped) -> TextSplit:
    """Keep a share of each class for testing, chosen by hashes of the texts: more rows move few others.

    Texts that are alike stay together. Classes with fewer than three different texts are left out.
    """
    labels, names = (rows.values, ()) if numeric else _classes(rows, 3, skipped)
    labelled = ~np.isnan(labels) if numeric else labels >= 0
    tested: list[np.ndarray] = []
    for members in [labelled] if numeric else [labels == label for label in range(len(names))]:
        # Sorted hashes are the texts in a random order that never changes.
        texts = np.unique(rows.hashes[members])
        if numeric and len(texts) < _FEWEST_VALUES:
            raise DataError(f"{len(texts)} different texts have a number; allowed: {_FEWEST_VALUES} or more. Add rows.")
        tested.append(texts[: min(max(1, round(len(texts) * fraction)), len(texts) - 2)])
    in_test = np.isin(rows.hashes, np.concatenate(tested))
    usable = _usable(labels)
    train, test = np.flatnonzero(usable & ~in_test), np.flatnonzero(labelled & in_test)
    for label, name in enumerate(names):
        if (labels[train] == label).sum() < 2:
            raise DataError(
                f"Too few texts have the label {name!r} alone: most also stand in the table with another label. "
                "Remove the contradictions or the label."
            )
    notes = [f"No test table was given: {fraction:.0%} of the labelled texts were kept for testing."]
    if repeated := int((usable & ~labelled & in_test).sum()):
        notes.append(f"{repeated:,} texts without a label are left out, for they are also among the test texts.")
    return TextSplit(train, test, labels[train], labels[test], names, (*notes, *_unlabelled_notes(labels[train])))


def split_given(
    train: TextRows, test: TextRows, *, numeric: bool, skipped: Skipped, test_skipped: Skipped
) -> TextSplit:
    """Train on one table and test on the other; test rows need a label that training rows have."""
    labels, names = (train.values, ()) if numeric else _classes(train, 2, skipped)
    if numeric:
        tested = test.values
        unknown = np.isnan(tested)
    else:
        known = {name: number for number, name in enumerate(names)}
        numbers = np.array([known.get(name, UNLABELLED) for name in test.label_names] + [UNLABELLED])
        tested = numbers[test.labels]
        unknown = tested == UNLABELLED
    for place in np.flatnonzero(unknown).tolist():
        bare = numeric or test.labels[place] == UNLABELLED
        reason = "no label" if bare else f"no training row has the label {test.label_names[test.labels[place]]!r}"
        test_skipped.add(f"line {test.lines[place]:,}", reason)
    train_places, test_places = np.flatnonzero(_usable(labels)), np.flatnonzero(~unknown)
    if numeric and (~np.isnan(labels)).sum() < _FEWEST_VALUES:
        raise DataError(f"Too few training texts have a number; allowed: at least {_FEWEST_VALUES}. Add rows.")
    if not len(test_places):
        raise DataError("No row of the test table can be used; allowed: one or more with a label. Check its columns.")
    notes = []
    if shared := int(np.isin(test.hashes[test_places], train.hashes[train_places]).sum()):
        notes.append(f"{shared:,} of the test texts also stand in the training table.")
    return TextSplit(
        train_places, test_places, labels[train_places], tested[test_places], names,
        (*notes, *_unlabelled_notes(labels[train_places])),
    )  # fmt: skip


_LEFT_OUT = -2


def _usable(labels: np.ndarray) -> np.ndarray:
    """Rows whose class is learned, or that have no label; any number of a regression is usable."""
    return np.ones(len(labels), dtype=bool) if labels.dtype.kind == "f" else labels != _LEFT_OUT


def _classes(rows: TextRows, fewest: int, skipped: Skipped) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels as numbers of the classes in order, UNLABELLED or _LEFT_OUT, and the classes' names."""
    texts = np.unique(np.stack([rows.labels.astype(np.uint64), rows.hashes]), axis=1)[0].astype(np.int64)
    different = np.bincount(texts[texts != UNLABELLED], minlength=len(rows.label_names))
    if len(different) > MOST_CLASSES:
        raise DataError(
            f"The labels have {len(different):,} different values; allowed: up to {MOST_CLASSES:,} classes. Choose the "
            "column with the classes, or the task regression for numbers."
        )
    for label in np.flatnonzero(different < fewest).tolist():
        count = int((rows.labels == label).sum())
        skipped.add(f"label {rows.label_names[label]!r}", f"fewer than {fewest} different texts", count=count)
    kept = label_order([name for name, count in zip(rows.label_names, different, strict=True) if count >= fewest])
    if len(kept) < 2:
        raise DataError(
            f"{len(kept)} label{'s' * (len(kept) != 1)} of the table can be learned; allowed: at least 2, with "
            f"{fewest} different texts each. Check which column holds the labels."
        )
    numbers = {name: number for number, name in enumerate(kept)}
    places = np.array([numbers.get(name, _LEFT_OUT) for name in rows.label_names] + [UNLABELLED], dtype=np.int64)
    # The place -1 is the last: that of the unlabelled.
    return places[rows.labels], tuple(kept)


def _unlabelled_notes(labels: np.ndarray) -> list[str]:
    missing = np.isnan(labels) if labels.dtype.kind == "f" else labels == UNLABELLED
    count = int(missing.sum())
    return [f"{count:,} training texts have no label; only a teacher's term learns from them."] if count else []
