"""Texts and labels from a user's table, as a dataset."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from distill_core.datasets.samples import Samples
from distill_core.datasets.text_table import ENTRY
from distill_core.errors import DataError
from distill_core.signature import NO_LABEL, UNKNOWN


def load(path: Path, content: str | None = None, **params: object) -> Samples:
    if content is not None:
        path.write_text(content, encoding="utf-8")
    return ENTRY.load(ENTRY.resolve({"path": str(path), **params}), path.parent)


def table(rows: list[tuple[str, str]]) -> str:
    return "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows)


def texts(data: Samples, inputs: torch.Tensor) -> list[str]:
    return [" ".join(data.words[token] for token in row if token) for row in inputs.tolist()]


ROWS = [(f"text {index} of many {'good' if index % 2 else 'bad'}", str(index % 2)) for index in range(40)]


def test_labels_are_kept_as_they_are_written(tmp_path: Path) -> None:
    labels = ["NA", "null", "01", "1", "1.0", "10", "2", "None"]
    data = load(tmp_path / "t.tsv", table([(f"{label} text {n}", label) for n in range(5) for label in labels]))
    assert data.class_names == ("01", "1", "1.0", "2", "10", "NA", "None", "null")
    for inputs, numbers in ((data.train_inputs, data.train_labels), (data.test_inputs, data.test_labels)):
        for text, number in zip(texts(data, inputs), numbers.tolist(), strict=True):
            name = data.class_names[number].lower()
            assert text.replace(" ", "").startswith((name, name.replace(name, "<unknown>")))
    assert len(data.test_labels) == len(labels)


def test_the_vocabulary_is_of_the_training_texts_alone(tmp_path: Path) -> None:
    (tmp_path / "test.tsv").write_text(table([("good unseen", "1"), ("bad unseen unseen", "0")]))
    data = load(
        tmp_path / "t.tsv", table([("good once", "1"), ("good day", "1"), ("bad day", "0"), ("bad", "0")]),
        test_path=str(tmp_path / "test.tsv"),
    )  # fmt: skip
    assert data.words[3:] == ("bad", "day", "good")
    assert data.train_inputs.tolist() == [[5, UNKNOWN], [5, 4], [3, 4], [3, 0]]
    assert data.test_inputs.tolist() == [[5, UNKNOWN], [3, UNKNOWN]], "as long as the training texts"
    assert data.test_labels.tolist() == [1, 0]
    assert data.signature.vocabulary == 6


def test_empty_labels_are_unlabelled_training_rows(tmp_path: Path) -> None:
    data = load(tmp_path / "t.tsv", table([*ROWS, ("no label here", ""), ("nor here", " ")]))
    unlabelled = data.train_inputs[data.train_labels == NO_LABEL]
    assert len(unlabelled) == 2
    assert (data.test_labels != NO_LABEL).all()
    assert any("2 training texts have no label" in note for note in data.notes)
    values = load(tmp_path / "t.tsv", task="regression")
    assert int(values.train_labels.isnan().sum()) == 2
    assert values.class_names == ("label",)
    raw = values.train_labels[~values.train_labels.isnan()] * values.label_std[0] + values.label_mean[0]
    assert set(raw.round(decimals=4).tolist()) == {0.0, 1.0}


def test_texts_that_are_alike_stay_on_one_side(tmp_path: Path) -> None:
    rows = [(f"Text {index // 3}!", str(index // 3 % 2)) for index in range(90)]
    rows += [(f"text {index} !", "") for index in range(30)]
    data = load(tmp_path / "t.tsv", table(rows), least_count=1)
    train, test = set(texts(data, data.train_inputs)), set(texts(data, data.test_inputs))
    assert test
    assert not train & test
    assert len(data.test_inputs) == 18, "a fifth of the 15 different texts of each class, three times each"
    assert any("6 texts without a label are left out" in note for note in data.notes)


def test_more_rows_move_few_others_to_the_other_side(tmp_path: Path) -> None:
    first = load(tmp_path / "a.tsv", table(ROWS), least_count=1)
    second = load(tmp_path / "b.tsv", table([*ROWS, ("one more text", "1")]), least_count=1)
    before, after = set(texts(first, first.test_inputs)), set(texts(second, second.test_inputs))
    assert len(before & after) >= len(before) - 1


def test_bad_rows_are_left_out_and_listed(tmp_path: Path) -> None:
    content = table([*ROWS, (" \t".strip(), "1"), ("long label", "x" * 200), ("only one of its kind", "rare")])
    data = load(tmp_path / "t.tsv", content + "ragged\nn\0l\t1\n")
    assert len(data.train_labels) + len(data.test_labels) == len(ROWS)
    note = next(note for note in data.notes if "left out" in note)
    assert note.startswith("5 of 45 rows were left out")
    for said in ("line 42 (no text)", "line 43 (a label of more", "line 45 (1 cells", "line 46 (a NUL", "label 'rare'"):
        assert said in note


def test_too_many_bad_rows_stop(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"12 of 52 rows of 't.tsv' cannot be used, such as line 42"):
        load(tmp_path / "t.tsv", table(ROWS) + "ragged\n" * 12)
    with pytest.raises(DataError, match="is no number"):
        load(tmp_path / "t.tsv", table([(text, label or "x") for text, label in ROWS] + [("t", "bad")] * 12),
             task="regression")  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "params", "said"),
    [
        (ROWS, {"label_column": "sentiment"}, "label_column is 'sentiment'; allowed: text, label"),
        (ROWS, {"label_column": "text"}, "another column"),
        ([(text, "same") for text, _ in ROWS], {}, "1 label of the table can be learned"),
        ([(text, "3") for text, _ in ROWS], {"task": "regression"}, "the same number"),
        ([(text, text) for text, _ in ROWS], {}, "0 labels of the table can be learned"),
        ([("same", "1"), ("same", "0")] * 20, {}, "can be learned"),
        ([(f"t {n}", str(k)) for n in range(4) for k in range(2)], {"test_path": "nowhere"}, "There is no file"),
    ],
)
def test_what_cannot_be_learned_is_refused_in_a_sentence(
    rows: list[tuple[str, str]], params: dict[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=said):
        load(tmp_path / "t.tsv", table(rows), **params)


def test_test_rows_need_labels_that_were_learned(tmp_path: Path) -> None:
    test = [(f"test {index}", str(index % 2)) for index in range(20)] + [("strange", "9"), ("bare", ""), (*ROWS[0],)]
    (tmp_path / "test.tsv").write_text(table(test))
    data = load(tmp_path / "t.tsv", table(ROWS), test_path=str(tmp_path / "test.tsv"))
    assert len(data.test_labels) == 21
    left_out = "line 22 (no training row has the label '9'); line 23 (no label)"
    assert f"Test table: 2 of 23 rows were left out: {left_out}." in data.notes
    assert "1 of the test texts also stand in the training table." in data.notes


def test_long_texts_are_cut_and_that_is_told(tmp_path: Path) -> None:
    data = load(tmp_path / "t.tsv", table([*ROWS, ("many words " * 30, "1")]), max_words=4)
    assert data.shape == (4,)
    assert any("41 texts have more than 4 words" in note for note in data.notes)


def test_a_table_without_a_header_is_read_by_numbers(tmp_path: Path) -> None:
    data = load(
        tmp_path / "t.tsv", "".join(f"{text}\t{label}\n" for text, label in ROWS), text_column="1", label_column="2"
    )
    assert len(data.train_labels) + len(data.test_labels) == 40
    assert any("first row of 't.tsv' was read as data" in note for note in data.notes)
