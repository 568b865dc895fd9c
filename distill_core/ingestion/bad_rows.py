"""Lists which rows of a table cannot be used, all of them, where the data set itself names only a few."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO

from distill_core.errors import DataError
from distill_core.ingestion.skipped import Skipped
from distill_core.ingestion.table_file import Header, Separator, TableFile
from distill_core.ingestion.text_rows import WordBook, read_texts


class _Listed(Skipped):
    """Writes down every place, not only the first."""

    def __init__(self, name: str, out: IO[str]) -> None:
        super().__init__(name, noun="rows")
        self._out = out

    def add(self, place: str, reason: str, *, count: int = 1) -> None:
        super().add(place, reason, count=count)
        self._out.write(json.dumps({"file": place, "reason": reason}) + "\n")


def list_bad_rows(
    path: Path, out: Path, *, text_column: str, label_column: str, header: Header, separator: Separator, numeric: bool
) -> None:
    """Write a JSON line {"file", "reason"} for each row that reading leaves out; none of a table that is none."""
    named = [name for name in (text_column, label_column) if not name.isdecimal()]
    with out.open("w", encoding="utf-8") as listed:
        try:
            table = TableFile(path, header=header, separator=separator, named=named)
            text = table.column(text_column, field="text_column")
            label = table.column(label_column, field="label_column")
            read_texts(
                table, text=text, label=label, numeric=numeric, longest=1, book=WordBook(),
                skipped=_Listed(path.name, listed),
            )
        except DataError:
            # Whoever loads the data says so; what was found before stays listed.
            return


def count_problems(path: Path) -> int:
    """Lines of such a list; 0 if there is none."""
    try:
        with path.open("rb") as lines:
            return sum(1 for _ in lines)
    except FileNotFoundError:
        return 0
