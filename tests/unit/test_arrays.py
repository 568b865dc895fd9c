"""Arrays from a user's npz file, as a dataset, whatever is in the file."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_core.datasets.arrays import ENTRY
from distill_core.datasets.samples import Samples
from distill_core.errors import DataError
from distill_core.ingestion import npz_file
from distill_core.ingestion.npz_file import peek_arrays, read_array
from distill_core.signature import NO_LABEL

LABELS = np.arange(20) % 2


def save(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "a.npz", **arrays)
    return folder / "a.npz"


def load(folder: Path, params: dict[str, object] | None = None, **arrays: Any) -> Samples:
    path = save(folder, **arrays)
    return ENTRY.load(ENTRY.resolve({"path": str(path), **(params or {})}), folder)


def pixels(*shape: int, high: int = 256) -> np.ndarray:
    return np.random.RandomState(0).randint(0, high, shape)


def everything(data: Samples) -> np.ndarray:
    """All inputs in the order in which their first number rises."""
    inputs = torch.cat([data.train_inputs, data.test_inputs]).numpy()
    return inputs[np.argsort(inputs.reshape(len(inputs), -1)[:, 0], kind="stable")]


@pytest.mark.parametrize(
    ("shape", "expected", "said"),
    [
        ((20, 6, 5), (1, 6, 5), "grey"),
        ((20, 6, 5, 3), (3, 6, 5), "NHWC"),
        ((20, 3, 6, 5), (3, 6, 5), "NCHW"),
        ((20, 6, 5, 1), (1, 6, 5), "NHWC"),
    ],
)
def test_the_channels_of_images_are_found_and_told(
    shape: tuple[int, ...], expected: tuple[int, ...], said: str, tmp_path: Path
) -> None:
    images = pixels(*shape).astype(np.uint8)
    images.reshape(20, -1)[:, 0] = np.arange(20)
    data = load(tmp_path, x=images, y=LABELS)
    assert data.shape == expected
    assert any(said in note for note in data.notes)
    moved = images[:, None] if images.ndim == 3 else images if said == "NCHW" else images.transpose(0, 3, 1, 2)
    assert np.array_equal(everything(data), moved)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (np.linspace(0, 1, 20 * 9).reshape(20, 3, 3), np.round(np.linspace(0, 255, 180)).reshape(20, 1, 3, 3)),
        (np.arange(180, dtype=np.int64).reshape(20, 3, 3), np.arange(180).reshape(20, 1, 3, 3)),
        (np.arange(180, dtype=np.float16).reshape(20, 3, 3), np.arange(180).reshape(20, 1, 3, 3)),
        ((np.arange(180) * 257).astype(np.uint16).reshape(20, 3, 3), np.arange(180).reshape(20, 1, 3, 3)),
        (np.arange(180).reshape(20, 3, 3) > 80, 255 * (np.arange(180).reshape(20, 1, 3, 3) > 80)),
    ],
    ids=["shares", "whole", "half", "16 bits", "black and white"],
)
def test_pixels_of_any_type_become_bytes(images: np.ndarray, expected: np.ndarray, tmp_path: Path) -> None:
    data = load(tmp_path, x=images, y=LABELS)
    assert data.train_inputs.dtype == torch.uint8
    assert np.array_equal(everything(data), expected)
    assert len(data.notes) == 3, "axes, values and split are told"


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.array([7, -3] * 10), ("-3", "7")),
        (np.array([True, False] * 10), ("False", "True")),
        (np.array(["NA", "01"] * 10), ("01", "NA")),
        (np.array([b"cat", b"dog"] * 10), ("cat", "dog")),
        (np.array([2.0, 10.0] * 10), ("2", "10")),
        (np.eye(3)[np.arange(20) % 3], ("0", "1", "2")),
        ((np.arange(20) % 3)[:, None].astype(np.uint8), ("0", "1", "2")),
    ],
)
def test_classes_may_be_written_in_many_ways(labels: np.ndarray, names: tuple[str, ...], tmp_path: Path) -> None:
    rows = np.arange(40.0).reshape(20, 2)
    data = load(tmp_path, {"kind": "table"}, x=rows, y=labels)
    assert data.class_names == names
    for inputs, numbers in ((data.train_inputs, data.train_labels), (data.test_inputs, data.test_labels)):
        for row, number in zip(inputs, numbers.tolist(), strict=True):
            label = labels[int(row[0]) // 2]
            label = label.argmax() if label.ndim and label.size > 1 else label.item()
            written = label.decode() if isinstance(label, bytes) else str(label).removesuffix(".0")
            assert names[number] == written


@pytest.mark.parametrize("missing", [np.array([1, 0, NO_LABEL, 2] * 5), np.array([1.0, 0.0, np.nan, 2.0] * 5),
                                     np.array(["1", "0", "", "2"] * 5)])  # fmt: skip
def test_samples_without_label_only_train(missing: np.ndarray, tmp_path: Path) -> None:
    data = load(tmp_path, {"kind": "table"}, x=np.random.RandomState(0).rand(20, 2), y=missing)
    assert data.class_names == ("0", "1", "2")
    assert int((data.train_labels == NO_LABEL).sum()) == 5
    assert sorted(data.test_labels.tolist()) == [0, 1, 2]
    assert any("5 training samples have no label" in note for note in data.notes)


def test_regression_is_standardised_and_keeps_missing_numbers_for_training(tmp_path: Path) -> None:
    random = np.random.RandomState(0)
    values = random.randn(50, 2) * [3, 100] + [5, -20]
    values[:4, 1] = np.nan
    data = load(tmp_path, {"kind": "table", "task": "regression"}, x=random.rand(50, 3), y=values)
    assert data.class_names == ("y 1", "y 2")
    assert data.train_labels.shape == (40 + 1, 2), "9 of the 46 with both numbers test"
    assert int(data.train_labels.isnan().sum()) == 4
    both = torch.cat([data.train_labels, data.test_labels]) * torch.tensor(data.label_std)
    both += torch.tensor(data.label_mean)
    assert sorted(both[:, 0].tolist()) == pytest.approx(sorted(values[:, 0]), abs=1e-4)


def test_tags_and_test_arrays(tmp_path: Path) -> None:
    steps = np.random.RandomState(0).randn(30, 4, 2).astype(np.float32)
    tags = np.tile(["noun", "verb", "", "noun"], (30, 1))
    tags[7] = ""
    test_tags = tags[:6].copy()
    test_tags[2, 0] = "adverb"
    data = load(
        tmp_path, {"kind": "sequence", "task": "tagging", "test_inputs": "xt", "test_labels": "yt"},
        x=steps, y=tags, xt=steps[:6] + 1, yt=test_tags,
    )  # fmt: skip
    assert data.class_names == ("noun", "verb")
    assert data.train_labels[0].tolist() == [0, 1, NO_LABEL, 0]
    assert torch.equal(data.train_inputs, torch.from_numpy(steps))
    assert len(data.test_inputs) == 5
    assert data.notes[0] == "1 of 36 samples were left out: test sample 2 (no label of the training classes)."


def test_unusable_samples_are_left_out_until_they_are_too_many(tmp_path: Path) -> None:
    rows = np.random.RandomState(0).rand(20, 2)
    rows[3, 1], rows[5, 0], rows[6, 0] = np.nan, np.inf, 1e300
    labels = np.array([*LABELS[:-1], 5])
    data = load(tmp_path, {"kind": "table"}, x=rows, y=labels)
    assert len(data.train_labels) + len(data.test_labels) == 16
    assert data.notes[0].startswith("4 of 20 samples were left out: sample 3 (")
    assert "label '5' (fewer than 3 samples)" in data.notes[0]
    rows[8] = np.nan
    with pytest.raises(DataError, match=r"5 of 20 samples of 'a.npz' cannot be used"):
        load(tmp_path, {"kind": "table"}, x=rows, y=labels)


ROWS = np.zeros((20, 2)) + np.arange(20)[:, None]


@pytest.mark.parametrize(
    ("params", "arrays", "said"),
    [
        ({"inputs": "z"}, {"x": ROWS, "y": LABELS}, r"inputs is 'z'; allowed: x, y"),
        ({}, {"x": ROWS, "y": LABELS[:5]}, "has 20 samples and 'y' has 5"),
        ({}, {"x": ROWS, "y": np.float64(3)}, "has 20 samples and 'y' has no"),
        ({"kind": "image"}, {"x": ROWS, "y": LABELS}, "shape 20x2; allowed for images: samples x height x width"),
        ({"kind": "image"}, {"x": np.zeros((20, 2, 5, 4)), "y": LABELS}, "shape 20x2x5x4"),
        ({"kind": "image"}, {"x": np.full((20, 4, 4), -1.0), "y": LABELS}, "-1 to -1; allowed: 0..1 or 0..255"),
        ({"kind": "image"}, {"x": np.full((20, 4, 4), 300), "y": LABELS}, "300 to 300"),
        ({"kind": "image"}, {"x": np.full((20, 4, 4), np.nan), "y": LABELS}, "no finite number"),
        ({}, {"x": np.zeros((20, 0)), "y": LABELS}, "shape 20x0"),
        ({}, {"x": LABELS.astype(str), "y": LABELS}, "holds texts"),
        ({}, {"x": ROWS, "y": np.array([{}] * 20)}, "Python objects or mixed fields"),
        ({}, {"x": ROWS + 1j, "y": LABELS}, "complex numbers"),
        ({}, {"x": ROWS, "y": np.linspace(0, 1, 20)}, "not whole numbers"),
        ({}, {"x": ROWS, "y": np.zeros((20, 3))}, "one label a sample"),
        ({}, {"x": ROWS, "y": np.zeros(20)}, "1 class can be learned"),
        ({"task": "regression"}, {"x": ROWS, "y": LABELS.astype(str)}, "are texts; allowed for a regression"),
        ({"task": "regression"}, {"x": ROWS, "y": np.zeros(20)}, "the same number"),
        ({"task": "regression"}, {"x": ROWS, "y": np.full(20, np.inf)}, "infinite"),
        ({"task": "tagging"}, {"x": ROWS, "y": LABELS}, "kind is 'table'; allowed: sequence"),
        ({"test_inputs": "x"}, {"x": ROWS, "y": LABELS}, "test_labels is ''"),
        ({"test_inputs": "t", "test_labels": "y"}, {"x": ROWS, "y": LABELS, "t": ROWS[:, :1]}, "another shape or type"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_a_sentence(
    params: dict[str, object], arrays: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=said):
        load(tmp_path, {"kind": "table"} | params, **arrays)


class Trap:
    """A pickle that would tell of having been opened."""

    opened: list[str] = []  # noqa: RUF012 - shared on purpose

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (Trap.opened.append, ("opened",))


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    path = save(tmp_path, x=np.array([Trap()], dtype=object), y=LABELS)
    assert [fact.dtype for fact in peek_arrays(path)] == ["object", "int64"]
    with pytest.raises(DataError, match="could run code"):
        read_array(path, "x", field="inputs")
    (tmp_path / "p.npz").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DataError, match="cannot be read as npz"):
        peek_arrays(tmp_path / "p.npz")
    assert not Trap.opened


def header(shape: str, *, length: int | None = None) -> bytes:
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) if length is None else length) + text


def archive(path: Path, content: bytes, name: str = "x.npy") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as held:
        held.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (header("(1000000000000,)"), "7,629,395 MiB; allowed: up to 2,048"),
        (header("(1000,)") + bytes(80), "cut short"),
        (header("(-5,)"), "negative size"),
        (header("(5,)", length=60_000), "cannot be read as npz"),
        (header("__import__('os').getcwd()"), "cannot be read as npz"),
        (b"\x93NUMPY\x09\x00" + bytes(50), "objects are never read"),
        (b"no array", "cannot be read as npz"),
        (b"", "cannot be read as npz"),
    ],
)
def test_arrays_that_lie_are_refused_unread(content: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        read_array(archive(tmp_path / "a.npz", content), "x", field="inputs")


def test_the_limit_on_memory_holds_before_anything_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((100, 100)))
    monkeypatch.setattr(npz_file, "LARGEST_ARRAY_BYTES", 79_999)
    monkeypatch.setattr(np.lib.format, "read_array", lambda *_, **__: pytest.fail("was read"))
    with pytest.raises(DataError, match="shape 100x100 takes 0 MiB; allowed: up to 0"):
        read_array(tmp_path / "a.npz", "x", field="inputs")


def test_files_that_are_no_npz_are_refused_in_a_sentence(tmp_path: Path) -> None:
    np.save(tmp_path / "single.npy", LABELS)
    (tmp_path / "text.npz").write_text("hello")
    whole = save(tmp_path, x=pixels(200, 10), y=pixels(200)).read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    archive(tmp_path / "other.npz", b"text", name="readme.txt")
    many = bytearray(whole)
    many[-22 + 12 : -22 + 16] = struct.pack("<I", 2**30)
    (tmp_path / "many.npz").write_bytes(many)
    for name, said in (
        ("single.npy", "single npy array"), ("text.npz", "cannot be read as npz"), ("half.npz", "cannot be read"),
        ("other.npz", "holds no arrays"), ("none.npz", "There is no file"), ("many.npz", "far too many arrays"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=said):
            peek_arrays(tmp_path / name)


@given(places=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_damaged_files_are_read_or_refused(
    places: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=pixels(20, 10), y=LABELS)
    damaged = bytearray(buffer.getvalue())
    for place, value in places:
        damaged[place % len(damaged)] = value
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    path.write_bytes(damaged)
    try:
        for fact in peek_arrays(path):
            read_array(path, fact.key, field="inputs")
    except DataError as error:
        assert str(error).endswith(".")
