"""Tables of text, in every shape that people and attackers give them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_core.errors import DataError
from distill_core.ingestion.table_file import LONGEST_LINE, TableFile, peek_table
from distill_core.ingestion.text_encoding import find_encoding
from distill_core.ingestion.words import RESERVED, ids_of, split_words, vocabulary_of, words_of


def write(path: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("content", "separator", "header", "first"),
    [
        ("text,label\nfine,1\nbad,0\n", "comma", True, ("fine", "1")),
        ("text;label\nfine, really;1\nbad, though;0\n", "semicolon", True, ("fine, really", "1")),
        ("so, so good\t1\nbad, bad\t0\nmeh, well\t1\n", "tab", False, ("so, so good", "1")),
        ('"a ""quoted"", text",1\n"two\nlines",0\n', "comma", False, ('a "quoted", text', "1")),
        ('" an open quote\t1\nanother\t0\nthird\t1\n', "tab", False, ('" an open quote', "1")),
        ("Titel,Wert\nfine,1.5\nbad,0\nugly,7\n", "comma", True, ("fine", "1.5")),
        ("text,label\r\nfine,1\r\nbad,0\r\n", "comma", True, ("fine", "1")),
        ("text,label\rfine,1\rbad,0\r", "comma", True, ("fine", "1")),
        ("\n\ntext,label\nfine,1\n\nbad,0\n", "comma", True, ("fine", "1")),
        ("a\u2028b,1\nc,0\n", "comma", False, ("a\u2028b", "1")),
    ],
)
def test_separator_header_and_quotes_are_found(
    content: str, separator: str, header: bool, first: tuple[str, ...], tmp_path: Path
) -> None:
    peek = peek_table(write(tmp_path / "t", content))
    assert (peek.separator, peek.has_header, peek.rows[0]) == (separator, header, first)
    assert peek.columns == (peek.columns if header else ("1", "2"))


def test_what_was_guessed_can_be_corrected_and_peeking_reads_few_rows(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", "".join(f"text {number},x;y\n" for number in range(100)))
    peek = peek_table(table, most_rows=3, header="yes", separator="semicolon")
    assert peek.columns == ("text 0,x", "y")
    assert peek.rows == (("text 1,x", "y"), ("text 2,x", "y"), ("text 3,x", "y"))
    assert peek_table(table, most_rows=3).columns == ("1", "2")


@pytest.mark.parametrize(
    ("encoding", "text", "found"),
    [
        ("utf-8", "naïve café 好", "utf-8"),
        ("utf-8-sig", "naïve café", "utf-8-sig"),
        ("utf-16", "naïve café 好", "utf-16"),
        ("utf-16-le", "plain letters", "utf-16-le"),
        ("utf-16-be", "plain letters", "utf-16-be"),
        ("gb18030", "这部电影非常好看，演员也很棒", "gb18030"),
        ("latin-1", "une pièce très réussie déjà vue", "cp1252"),
        ("cp1252", "it’s a “great” film – naïve", "cp1252"),
    ],
)
def test_encodings_are_told_apart(encoding: str, text: str, found: str, tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", f"{text},1\nother words,0\nmore words,1\n", encoding)
    peek = peek_table(table)
    assert peek.encoding == found
    assert peek.rows[0] == (text, "1")


def test_bytes_that_no_encoding_knows_are_still_read_and_a_few_broken_ones_are_replaced(tmp_path: Path) -> None:
    strange = write(tmp_path / "s.csv", b"caf\x81 \x8d \x90 a,1\nb,0\n")
    assert find_encoding(strange).name == "latin-1"
    broken = write(tmp_path / "b.csv", "好".encode() * 50 + b"\xff,1\nb,0\n")
    assert find_encoding(broken).name == "utf-8"
    assert "1 broken" in find_encoding(broken).note
    assert peek_table(broken).rows[0][0].endswith("\ufffd")


def test_rows_that_cannot_be_used_tell_why_and_spoil_no_other(tmp_path: Path) -> None:
    huge = "x" * 200_000
    endless = "y" * (LONGEST_LINE + 10)
    content = f"text,label\nfine,1\nragged\na,b,c\nnul \0 here,1\n{huge},1\n{endless},1\nlast,0\n"
    rows = list(TableFile(write(tmp_path / "t.csv", content)).rows())
    assert [row.cells for row in rows if not row.trouble] == [("fine", "1"), ("last", "0")]
    assert [(row.line, row.trouble) for row in rows if row.trouble] == [
        (3, "1 cells instead of 2"),
        (4, "3 cells instead of 2"),
        (5, "a NUL character"),
        (6, "a cell of more than 131,072 characters"),
        (7, "a line of more than 1,048,576 characters"),
    ]


def test_an_open_quote_counts_all_the_lines_that_it_swallows(tmp_path: Path) -> None:
    lines = "".join(f"text {number} {'x' * 50},1\n" for number in range(5000))
    rows = list(TableFile(write(tmp_path / "t.csv", f"fine,1\nalso,0\n{lines}\"open,1\n{lines}")).rows())
    assert sum(row.lines for row in rows) == 10_003
    swallowed = [row for row in rows if row.trouble and "131,072" in row.trouble]
    assert len(swallowed) == 1
    assert swallowed[0].lines > 2000
    assert not rows[-1].trouble, "the rest of the table is read"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n\n \n\n", "no rows"),
        (b"PK\x03\x04" + bytes(100), "Save a spreadsheet as CSV"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, "no table of text"),
        (bytes(5000), "no table of text"),
        (b"," * 1500 + b"\n", "columns; allowed: up to 1,000"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(content: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        table = peek_table(write(tmp_path / "t.csv", content))
        assert table.rows, "blank cells are no rows"
        raise DataError("no rows")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "none.csv", tmp_path, tmp_path / "pipe"):
        with pytest.raises(DataError, match="There is no file"):
            peek_table(path)


@given(content=st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read_or_refused(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = write(tmp_path_factory.getbasetemp() / "any.csv", content)
    try:
        peek = peek_table(path)
    except DataError as error:
        assert str(error).endswith(".")
    else:
        assert all(len(row) == len(peek.columns) for row in peek.rows)


def test_columns_are_found_by_name_or_number(tmp_path: Path) -> None:
    table = TableFile(write(tmp_path / "t.csv", "text,label,label\nfine,1,2\nbad,0,2\n"))
    assert table.columns == ("text", "label", "label (3)")
    assert [table.column(name, field="f") for name in ("label", "label (3)", "3")] == [1, 2, 2]
    with pytest.raises(DataError, match=r"f is 'Text'; allowed: text, label"):
        table.column("Text", field="f")
    with pytest.raises(DataError, match="allowed"):
        table.column("0", field="f")


def test_columns_asked_for_by_name_make_the_first_row_the_header(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "Aussage,Ton\nfine,ok\nbad,so\nugly,la\n")
    assert not TableFile(path).has_header
    assert TableFile(path, named=("Aussage", "Ton")).has_header
    assert not TableFile(path, named=("Aussage", "Ton"), header="no").has_header


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't STOP, it's 3.5%!", ["don't", "stop", ",", "it's", "3", ".", "5", "%", "!"]),
        ("'s wo n't", ["'", "s", "wo", "n't"]),
        ("我爱abc", ["我", "爱", "abc"]),
        ("cafe\u0301", ["caf\u00e9"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("snake_case <mask>", ["snake_case", "<", "mask", ">"]),
        (" \t\n\u3000", []),
    ],
)
def test_words_are_split_as_told(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@given(text=st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_splitting_loses_nothing_but_space_and_repeats_itself(text: str) -> None:
    words = split_words(text)
    assert split_words(" ".join(words)) == words
    assert not set(words) & set(RESERVED)


@given(text=st.text(st.characters(max_codepoint=127), max_size=200))
@settings(max_examples=100, deadline=None)
def test_plain_letters_are_split_as_all_others(text: str) -> None:
    assert split_words(text) == split_words(f"{text} é")[:-1]


@pytest.mark.timeout(20)
def test_no_text_makes_splitting_slow() -> None:
    for text in ("a" * 100_000 + "'" * 100_000, "ि" * 100_000 + "!", "é'" * 50_000, "a\u0300" * 50_000):
        assert "".join(split_words(text)) == "".join(split_words(text + " "))


def test_the_vocabulary_holds_the_frequent_words_and_ids_lead_back() -> None:
    words = vocabulary_of({"b": 3, "a": 3, "rare": 1, "most": 9, "less": 2}, most_words=6, least_count=2)
    assert words == (*RESERVED, "most", "a", "b")
    index = {word: number for number, word in enumerate(words)}
    ids = ids_of(["a", "never", "most"], index, length=5)
    assert ids == [4, 1, 3, 0, 0]
    assert words_of(ids, words) == ["a", "<unknown>", "most"]
    assert ids_of(["a", "b"], index, length=1) == [4]
