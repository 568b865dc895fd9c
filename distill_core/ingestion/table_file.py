"""Reads tables of text (CSV, TSV) row by row, whatever is in them; loads no torch."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO

from distill_core.errors import DataError, Problem
from distill_core.ingestion.text_encoding import TextEncoding, find_encoding

Header = Literal["auto", "yes", "no"]
Separator = Literal["auto", "tab", "comma", "semicolon"]
SIGNS = {"tab": "\t", "comma": ",", "semicolon": ";"}
LARGEST_BYTES = 512 * 2**20
LONGEST_LINE = 2**20
MOST_COLUMNS = 1000
_SAMPLE_CHARACTERS = 2**18
_SAMPLE_ROWS = 200
_LONGEST_SHOWN = 500
_LONGEST_TITLE = 64
_TOO_LONG = "\0too long\0\n"
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?%?")
_USUAL_TITLES = frozenset({
    "category", "class", "comment", "content", "document", "id", "label", "labels", "message", "rating", "review",
    "score", "sentence", "sentiment", "stars", "target", "text", "title", "topic", "value", "y",
    "内容", "文本", "标签", "类别",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table, from `line` (counted from 1) on; `trouble` says why it cannot be used, or is empty."""

    line: int
    lines: int
    cells: tuple[str, ...]
    trouble: str = ""


@dataclass(frozen=True)
class TablePeek:
    """The first rows of a table and how it was read; `columns` are "1", "2", ... where there is no header."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    separator: Literal["tab", "comma", "semicolon"]
    encoding: str
    has_header: bool


class TableFile:
    """A table whose encoding, separator, quotes and header are known; raises DataError if it is none.

    `named` are columns that the caller wants: a first row that has them all is the header.
    """

    def __init__(
        self, path: Path, *, header: Header = "auto", separator: Separator = "auto", named: Sequence[str] = ()
    ) -> None:
        self.path = path
        _check_file(path)
        try:
            self.encoding: TextEncoding = find_encoding(path)
            with self._open() as file:
                sample = file.read(_SAMPLE_CHARACTERS)
        except OSError as error:
            raise _unreadable(path, error) from None
        _check_text(sample, path)
        lines = list(io.StringIO(sample, newline=""))
        if len(sample) == _SAMPLE_CHARACTERS and len(lines) > 1:
            lines.pop()
        self.separator = separator if separator != "auto" else _find_separator(lines)
        self._quoting = _find_quoting(lines, self.separator)
        sampled = itertools.islice(self._rows(io.StringIO("".join(lines), newline="")), _SAMPLE_ROWS)
        rows = [row.cells for row in sampled if row.cells]
        if not rows:
            raise DataError(f"The table {path.name!r} has no rows that can be read; add some.")
        first = [cell.strip() for cell in rows[0]]
        self.has_header = header == "yes" or (header == "auto" and _has_header(first, rows[1:], named))
        width = len(first) if self.has_header else Counter(map(len, rows)).most_common(1)[0][0]
        if width > MOST_COLUMNS:
            raise DataError(f"The table {path.name!r} has {width:,} columns; allowed: up to {MOST_COLUMNS:,}.")
        self.columns = _titles(first) if self.has_header else tuple(str(number + 1) for number in range(width))

    def rows(self) -> Iterator[Row]:
        """Every row below the header, also those that cannot be used, told by their `trouble`."""
        width = len(self.columns)
        try:
            with self._open() as file:
                rows = self._rows(file)
                if self.has_header:
                    next(rows, None)
                for row in rows:
                    if not row.trouble and len(row.cells) != width:
                        row = Row(row.line, row.lines, row.cells, f"{len(row.cells)} cells instead of {width}")
                    yield row
        except OSError as error:
            raise _unreadable(self.path, error) from None

    def column(self, wanted: str, *, field: str) -> int:
        """The place of a column by its name, else by its number counted from 1; raises DataError naming `field`."""
        if wanted in self.columns:
            return self.columns.index(wanted)
        if wanted.isdecimal() and 1 <= int(wanted) <= len(self.columns):
            return int(wanted) - 1
        names = ", ".join(self.columns[:20]) if self.has_header else f"1 to {len(self.columns)}"
        remedy = "Choose one of the table's columns." if self.has_header else "The table has no header: give a number."
        raise DataError(str(Problem(field, wanted, names, remedy)))

    def _open(self) -> TextIO:
        return self.path.open(encoding=self.encoding.name, errors="replace", newline="")

    def _rows(self, file: TextIO) -> Iterator[Row]:
        """Rows that are not blank; one that cannot be read counts all of the lines that it took."""
        reader = csv.reader(
            _lines(file), delimiter=SIGNS[self.separator], quoting=self._quoting, skipinitialspace=True
        )
        while True:
            before = reader.line_num
            cells: tuple[str, ...] = ()
            trouble = ""
            try:
                cells = tuple(next(reader))
            except StopIteration:
                return
            # The only error of a reader that is not strict is the limit on a cell.
            except csv.Error:
                trouble = f"a cell of more than {csv.field_size_limit():,} characters"
            if any("\0" in cell for cell in cells):
                too_long = any(_TOO_LONG.strip() in cell for cell in cells)
                trouble = f"a line of more than {LONGEST_LINE:,} characters" if too_long else "a NUL character"
            if cells or trouble:
                yield Row(before + 1, reader.line_num - before, cells, trouble)


def peek_table(
    path: Path | str, *, most_rows: int = 20, header: Header = "auto", separator: Separator = "auto"
) -> TablePeek:
    """The first rows that can be used, cells cut short, without reading the rest; raises DataError."""
    table = TableFile(Path(path), header=header, separator=separator)
    seen = itertools.islice(table.rows(), most_rows * 10)
    rows = itertools.islice((row for row in seen if not row.trouble), most_rows)
    return TablePeek(
        columns=table.columns,
        rows=tuple(tuple(cell[:_LONGEST_SHOWN] for cell in row.cells) for row in rows),
        separator=table.separator,
        encoding=table.encoding.name,
        has_header=table.has_header,
    )


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"The table {path.name!r} cannot be read: {error.strerror}. Check the file.")


def _check_file(path: Path) -> None:
    # A pipe or device would be read without end.
    if not path.is_file():
        raise DataError(f"There is no file {str(path)!r} on this machine; allowed: a CSV or TSV file. Check the path.")
    size = path.stat().st_size
    if size > LARGEST_BYTES:
        raise DataError(
            f"The table {path.name!r} has {size / 2**20:,.0f} MiB; allowed: up to {LARGEST_BYTES // 2**20}. "
            "Give a part of it."
        )
    if size == 0:
        raise DataError(f"The table {path.name!r} is empty; allowed: at least one row. Choose another file.")


def _check_text(sample: str, path: Path) -> None:
    controls = sum(character < " " and character not in "\t\n\r\f\v" for character in sample)
    if sample.startswith("PK\x03\x04") or controls > 0.05 * len(sample):
        raise DataError(
            f"The file {path.name!r} is no table of text; allowed: CSV or TSV. Save a spreadsheet as CSV (UTF-8)."
        )


def _lines(file: TextIO) -> Iterator[str]:
    """Lines of bounded length; of a longer one only a mark is left."""
    while line := file.readline(LONGEST_LINE):
        cut = len(line) == LONGEST_LINE and line[-1] not in "\r\n"
        yield _TOO_LONG if cut else line
        while cut and (rest := file.readline(LONGEST_LINE)):
            cut = rest[-1] not in "\r\n"


def _find_separator(lines: Sequence[str]) -> Literal["tab", "comma", "semicolon"]:
    """The one that cuts most rows into the same number of cells, of at least two."""
    best: tuple[float, Literal["tab", "comma", "semicolon"]] = (0.0, "comma")
    names: tuple[Literal["tab", "comma", "semicolon"], ...] = ("tab", "comma", "semicolon")
    for name in names:
        widths = Counter(map(len, _sample_rows(lines, name, _find_quoting(lines, name))))
        widths.pop(0, None)
        alike = max((count for width, count in widths.items() if width > 1), default=0)
        share = alike / max(sum(widths.values()), 1)
        if share > best[0]:
            best = (share, name)
    return best[1]


def _find_quoting(lines: Sequence[str], separator: str) -> Literal[0, 3]:
    """Tables with tabs often have no quotes, and a text that begins with one would swallow the lines below it."""
    if separator != "tab":
        return csv.QUOTE_MINIMAL
    cells = [cell.strip() for line in lines for cell in line.rstrip("\r\n").split("\t")]
    begun = [cell for cell in cells if cell.startswith('"')]
    closed = sum(len(cell) > 1 and cell.endswith('"') for cell in begun)
    return csv.QUOTE_MINIMAL if closed == len(begun) else csv.QUOTE_NONE


def _sample_rows(lines: Sequence[str], separator: str, quoting: Literal[0, 3]) -> list[list[str]]:
    reader = csv.reader(lines, delimiter=SIGNS[separator], quoting=quoting, skipinitialspace=True)
    rows: list[list[str]] = []
    try:
        rows.extend(itertools.islice(reader, _SAMPLE_ROWS))
    # A cell beyond the limit: what was read before it suffices to judge by.
    except csv.Error:
        return rows
    return rows


def _has_header(first: Sequence[str], rows: Sequence[Sequence[str]], named: Sequence[str]) -> bool:
    """Whether the first row names the columns: short, distinct words, at odds with what stands below them."""
    if named and set(named) <= set(first):
        return True
    filled = [cell for cell in first if cell]
    if not filled or max(map(len, filled)) > _LONGEST_TITLE or any(_NUMBER.fullmatch(cell) for cell in filled):
        return False
    distinct = len(set(filled)) == len(filled)
    for place, title in enumerate(first):
        below = [row[place].strip() for row in rows if len(row) == len(first)]
        numbers = sum(bool(_NUMBER.fullmatch(cell)) for cell in below)
        told_apart = numbers > 0.8 * len(below) or len(set(below)) <= len(below) / 2
        if title not in below and (title.lower() in _USUAL_TITLES or (below and distinct and told_apart)):
            return True
    return False


def _titles(first: Sequence[str]) -> tuple[str, ...]:
    """Names of columns, each once."""
    titles: list[str] = []
    for number, cell in enumerate(first, start=1):
        title = cell[:_LONGEST_TITLE] or f"column {number}"
        titles.append(title if title not in titles else f"{title} ({number})")
    return tuple(titles)
