"""Collects texts and labels from a table in little memory: words as numbers; loads no torch."""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from distill_core.errors import DataError
from distill_core.ingestion.skipped import Skipped
from distill_core.ingestion.table_file import TableFile
from distill_core.ingestion.words import split_words

UNLABELLED = -1
MOST_ROWS = 2_000_000
MOST_DISTINCT_WORDS = 2_000_000
LONGEST_LABEL = 100


class WordBook:
    """A number for each word in the order of first sight; beyond two million words, new ones share the last number."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, word: str) -> int:
        numbers = self.numbers
        if len(numbers) >= MOST_DISTINCT_WORDS:
            return numbers.get(word, MOST_DISTINCT_WORDS)
        return numbers.setdefault(word, len(numbers))


@dataclass(frozen=True)
class TextRows:
    """Texts as the numbers of their first words, one after the other; row i has those from starts[i] to starts[i+1].

    `labels`: places in `label_names` or UNLABELLED; `values`: numbers, NaN for none; one of both is filled. `hashes`
    are those of the whole texts, `cut` how many were longer than allowed, `lines` where they stand.
    """

    numbers: np.ndarray
    starts: np.ndarray
    labels: np.ndarray
    values: np.ndarray
    hashes: np.ndarray
    lines: np.ndarray
    label_names: tuple[str, ...]
    cut: int
    seen: int

    def __len__(self) -> int:
        return len(self.hashes)


def read_texts(
    table: TableFile, *, text: int, label: int, numeric: bool, longest: int, book: WordBook, skipped: Skipped
) -> TextRows:
    """Every row with a text; labels are texts as they are written, or numbers if `numeric`; empty ones are none."""
    numbers, starts, labels, values = array("i"), array("q", [0]), array("i"), array("d")
    hashes, lines = array("Q"), array("q")
    names: dict[str, int] = {}
    seen = cut = 0
    for row in table.rows():
        seen += 1 if not row.trouble else row.lines
        place = f"line {row.line:,}"
        if row.trouble:
            skipped.add(place, row.trouble, count=row.lines)
            continue
        words = split_words(row.cells[text])
        written = row.cells[label].strip()
        value = _number(written) if numeric and written else math.nan
        if not words:
            skipped.add(place, "no text")
        elif numeric and written and math.isnan(value):
            skipped.add(place, f"the label {written[:20]!r} is no number")
        elif len(written) > LONGEST_LABEL:
            skipped.add(place, f"a label of more than {LONGEST_LABEL} characters")
        elif len(hashes) >= MOST_ROWS:
            raise DataError(f"The table {table.path.name!r} has more than {MOST_ROWS:,} rows; give a part of it.")
        else:
            numbers.extend(map(book.number, words[:longest]))
            starts.append(len(numbers))
            cut += len(words) > longest
            hashes.append(int.from_bytes(hashlib.blake2b(" ".join(words).encode(), digest_size=8).digest(), "big"))
            lines.append(row.line)
            values.append(value)
            labels.append(names.setdefault(written, len(names)) if written and not numeric else UNLABELLED)
    return TextRows(
        numbers=np.array(numbers, dtype=np.int32),
        starts=np.array(starts, dtype=np.int64),
        labels=np.array(labels, dtype=np.int64),
        values=np.array(values, dtype=np.float64),
        hashes=np.array(hashes, dtype=np.uint64),
        lines=np.array(lines, dtype=np.int64),
        label_names=tuple(names),
        cut=cut,
        seen=seen,
    )


def count_words(rows: TextRows, chosen: np.ndarray, book: WordBook) -> dict[str, int]:
    """How often each word stands in the rows `chosen` (bool [N])."""
    kept = np.repeat(chosen, np.diff(rows.starts))
    counts = np.bincount(rows.numbers[kept], minlength=len(book.numbers))
    return {word: int(count) for word, count in zip(book.numbers, counts, strict=False) if count}


def encode(rows: TextRows, chosen: np.ndarray, ids: np.ndarray, *, length: int) -> np.ndarray:
    """Token ids int32 [n,length] of the rows at the places `chosen`; `ids` gives the id of each word's number."""
    result = np.zeros((len(chosen), length), dtype=np.int32)
    for row, place in enumerate(chosen.tolist()):
        words = rows.numbers[rows.starts[place] : rows.starts[place + 1]][:length]
        result[row, : len(words)] = ids[words]
    return result


def label_order(names: Sequence[str]) -> list[str]:
    """Names of classes in order: numbers by size, then words by their letters; "1", "01" and "1.0" stay different."""

    def place(name: str) -> tuple[bool, float, str]:
        value = _number(name)
        return (True, 0.0, name) if math.isnan(value) else (False, value, name)

    return sorted(names, key=place)


def _number(written: str) -> float:
    """A finite number, else NaN; of what Python reads as numbers, only what is written with digits."""
    if not any(character.isdigit() for character in written) or "_" in written:
        return math.nan
    try:
        value = float(written)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan
