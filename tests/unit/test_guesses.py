"""What columns and arrays are taken for before anybody chooses."""

from __future__ import annotations

import pytest

from distill_core.ingestion.guesses import ArrayGuess, guess_arrays, guess_columns
from distill_core.ingestion.npz_file import ArrayFacts
from distill_core.ingestion.table_file import TablePeek


def table(columns: tuple[str, ...], *rows: tuple[str, ...]) -> TablePeek:
    return TablePeek(columns=columns, rows=rows, separator="comma", encoding="utf-8", has_header=True)


def test_the_longest_column_is_the_text_and_a_title_tells_the_label() -> None:
    found = guess_columns(table(
        ("id", "Label", "where", "review"), ("1", "good", "here", "a long and happy text"),
        ("2", "bad", "here", "a long and sad text"),
    ))
    assert found == ("review", "Label")


def test_without_a_telling_title_the_label_has_the_fewest_values() -> None:
    rows = ("a fine film", "7", "0"), ("a dull film", "8", "0"), ("x y z", "9", "1")
    assert guess_columns(table(("1", "2", "3"), *rows)) == ("1", "3")


def test_an_empty_table_still_gives_two_columns() -> None:
    assert guess_columns(table(("a", "b"))) == ("a", "b")


def test_one_column_is_too_few() -> None:
    with pytest.raises(ValueError, match="two columns"):
        guess_columns(table(("a",), ("x",)))


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ([("x", (90, 28, 28), "uint8"), ("y", (90,), "int64")], ("x", "y", "image", "classification")),
        ([("labels", (90,), "text"), ("images", (90, 32, 32, 3), "uint8")],
         ("images", "labels", "image", "classification")),
        ([("x", (90, 8, 8), "float32"), ("y", (90, 8), "int64")], ("x", "y", "sequence", "tagging")),
        ([("x", (90, 8, 8), "float32"), ("y", (90,), "int64")], ("x", "y", "sequence", "classification")),
        ([("x", (90, 10), "float64"), ("y", (90,), "float64")], ("x", "y", "table", "regression")),
        ([("x_test", (9, 50), "float32"), ("x_train", (90, 10), "float32"), ("y_test", (9,), "int64"),
          ("y_train", (90,), "int64")], ("x_train", "y_train", "table", "classification", "x_test", "y_test")),
        ([("x", (90, 10), "float32"), ("y", (90,), "int64"), ("test_ids", (9,), "int64")],
         ("x", "y", "table", "classification")),
        ([("x", (90, 10), "float32"), ("names", (10,), "text"), ("group", (90,), "int64")],
         ("x", "group", "table", "classification")),
    ],
)  # fmt: skip
def test_inputs_labels_kind_and_task_of_arrays(arrays, expected) -> None:
    assert guess_arrays([ArrayFacts(*one) for one in arrays]) == ArrayGuess(*expected)


def test_one_array_is_too_few() -> None:
    with pytest.raises(ValueError, match="two arrays"):
        guess_arrays([ArrayFacts("x", (3, 3), "uint8")])
