"""Texts with labels from a table of the user's: CSV or TSV, one text a row."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field

from distill_core.datasets.samples import Samples
from distill_core.entries import DatasetEntry, Params, Tell, silent
from distill_core.errors import DataError, Problem
from distill_core.ingestion.skipped import Skipped
from distill_core.ingestion.table_file import TableFile, TablePeek, peek_table
from distill_core.ingestion.text_rows import (
    MOST_DISTINCT_WORDS,
    UNLABELLED,
    TextRows,
    WordBook,
    count_words,
    encode,
    read_texts,
)
from distill_core.ingestion.text_split import split_given, split_one
from distill_core.ingestion.words import HOW_WORDS_ARE_SPLIT, RESERVED, vocabulary_of
from distill_core.signature import NO_LABEL, UNKNOWN

__all__ = ["ENTRY", "TablePeek", "TextTableParams", "peek_table"]

LARGEST_INPUTS = 2**28
_FIELD = "data.dataset.params"


class TextTableParams(Params):
    path: str = Field(min_length=1, max_length=4096, description="The table, on the machine that trains.")
    text_column: str = Field(
        "text", min_length=1, max_length=64, description="Name of the column with the texts; its number without header."
    )
    label_column: str = Field(
        "label", min_length=1, max_length=64, description="Name of the column with the labels; an empty cell is none."
    )
    task: Literal["classification", "regression"] = Field(
        "classification", description="Labels as classes, kept as they are written, or as numbers to predict."
    )
    header: Literal["auto", "yes", "no"] = Field("auto", description="Whether the first row names the columns.")
    separator: Literal["auto", "tab", "comma", "semicolon"] = Field("auto", description="What stands between cells.")
    test_path: str = Field("", max_length=4096, description="A second table like the first, for testing; empty: none.")
    test_fraction: float = Field(
        0.2, gt=0, lt=1, description="Share of the labelled texts kept for testing when there is no test table."
    )
    max_words: int = Field(64, ge=1, le=1024, description="Words of a text that are read; longer texts are cut.")
    vocabulary: int = Field(
        10_000, ge=10, le=200_000, description="Words that the network can tell apart: the most frequent ones."
    )
    least_count: int = Field(
        2, ge=1, le=1000, description="Words seen less often than this in training texts count as unknown."
    )


def load(params: TextTableParams, cache: Path, tell: Tell = silent) -> Samples:
    """Token ids int32 [N,L], L at most `max_words`; the vocabulary comes from training texts alone."""
    book, numeric = WordBook(), params.task == "regression"
    train, skipped, notes = _read(params, params.path, book)
    if params.test_path:
        test, test_skipped, test_notes = _read(params, params.test_path, book)
        split = split_given(train, test, numeric=numeric, skipped=skipped, test_skipped=test_skipped)
        test_skipped.check(test.seen)
        notes += test_notes + [f"Test table: {note}" for note in test_skipped.notes(test.seen)]
    else:
        test = train
        split = split_one(train, fraction=params.test_fraction, numeric=numeric, skipped=skipped)
    skipped.check(train.seen)
    notes += [*skipped.notes(train.seen), *split.notes]
    chosen = np.zeros(len(train), dtype=bool)
    chosen[split.train] = True
    counts = count_words(train, chosen, book)
    words = vocabulary_of(counts, most_words=params.vocabulary, least_count=params.least_count)
    length = int(np.diff(train.starts)[chosen].max(initial=1))
    if (len(split.train) + len(split.test)) * length > LARGEST_INPUTS:
        raise DataError(
            f"{len(train):,} texts of {length} words are too many; allowed: {LARGEST_INPUTS:,} words in all. "
            "Lower max_words or give a part of the table."
        )
    if train.cut:
        notes.append(f"{train.cut:,} texts have more than {params.max_words} words and were cut.")
    ids = _ids(words, book)
    mean, std = _scale(split.train_labels) if numeric else (0.0, 1.0)
    return Samples(
        train_inputs=torch.from_numpy(encode(train, split.train, ids, length=length)),
        train_labels=_labels(split.train_labels, mean, std),
        test_inputs=torch.from_numpy(encode(test, split.test, ids, length=length)),
        test_labels=_labels(split.test_labels, mean, std),
        class_names=(params.label_column,) if numeric else split.names,
        mean=(),
        std=(),
        kind="text",
        task=params.task,
        words=words,
        splitting=HOW_WORDS_ARE_SPLIT,
        label_mean=(mean,) if numeric else (),
        label_std=(std,) if numeric else (),
        notes=tuple(notes),
    )


def fingerprint(params: TextTableParams) -> str:
    """Changes with a table's size or time, and with how it is read; cheap."""
    summary = hashlib.sha256(params.model_dump_json(exclude={"path", "test_path"}).encode())
    for path in filter(None, (params.path, params.test_path)):
        file = Path(path).expanduser()
        if not file.is_file():
            raise DataError(f"There is no file {path!r} on this machine; allowed: a CSV or TSV file. Check the path.")
        status = file.stat()
        summary.update(f"{status.st_size}:{status.st_mtime_ns}\n".encode())
    return summary.hexdigest()[:16]


def _read(params: TextTableParams, path: str, book: WordBook) -> tuple[TextRows, Skipped, list[str]]:
    """A table's rows, what was left out of it and notes on how it was read."""
    named = [name for name in (params.text_column, params.label_column) if not name.isdecimal()]
    table = TableFile(Path(path).expanduser(), header=params.header, separator=params.separator, named=named)
    text = table.column(params.text_column, field=f"{_FIELD}.text_column")
    label = table.column(params.label_column, field=f"{_FIELD}.label_column")
    if text == label:
        problem = Problem(f"{_FIELD}.label_column", params.label_column, "another column than that of the texts")
        raise DataError(str(problem))
    skipped = Skipped(table.path.name, noun="rows")
    rows = read_texts(
        table, text=text, label=label, numeric=params.task == "regression", longest=params.max_words, book=book,
        skipped=skipped,
    )  # fmt: skip
    notes = [table.encoding.note] if table.encoding.note else []
    if params.header == "auto" and not table.has_header:
        notes.append(f"The first row of {table.path.name!r} was read as data, for it does not look like a header.")
    return rows, skipped, notes


def _ids(words: tuple[str, ...], book: WordBook) -> np.ndarray:
    """The token id of each number in the book, and of the number that further words share."""
    ids = np.full(MOST_DISTINCT_WORDS + 1 if len(book.numbers) >= MOST_DISTINCT_WORDS else len(book.numbers), UNKNOWN)
    for token, word in enumerate(words[len(RESERVED) :], start=len(RESERVED)):
        ids[book.numbers[word]] = token
    return ids.astype(np.int32)


def _scale(labels: np.ndarray) -> tuple[float, float]:
    known = labels[~np.isnan(labels)]
    std = float(known.std())
    if not std > 0:
        raise DataError("All training labels are the same number; allowed: different ones. Check the label column.")
    return float(known.mean()), std


def _labels(labels: np.ndarray, mean: float, std: float) -> torch.Tensor:
    """int64 [N] or NO_LABEL; of a regression float32 [N,1], standardised, NaN for none."""
    if labels.dtype.kind == "f":
        return torch.from_numpy(((labels - mean) / std).astype(np.float32)).unsqueeze(1)
    return torch.from_numpy(np.where(labels == UNLABELLED, NO_LABEL, labels))


ENTRY = DatasetEntry(
    name="text-table",
    title="Table of texts (CSV, TSV)",
    summary="Your own texts, each with a class or a number, one a row; a second table or a share of them tests.",
    source="your own file",
    params=TextTableParams,
    traits=frozenset({"text", "classification", "regression", "file"}),
    load=load,
    fingerprint=fingerprint,
)
