"""Folders of images, good and bad."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from distill_core.datasets import REGISTRY
from distill_core.datasets.image_data import ImageData
from distill_core.errors import DataError
from distill_core.spec import Choice


def write_image(path: Path, value: int, *, size: int = 16, mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (size, size), value if mode != "RGB" else (value, 0, 0)).save(path)


def fill(root: Path, counts: dict[str, int]) -> None:
    for number, (name, count) in enumerate(counts.items()):
        for index in range(count):
            write_image(root / name / f"{index:03}.png", 10 * number + index)


def load(root: Path, cache: Path, **params: object) -> ImageData:
    entry, typed = REGISTRY.resolve(Choice(name="image-folder", params={"path": str(root), "image_size": 16, **params}))
    return entry.load(typed, cache)


def test_train_and_test_folders_are_kept_apart(tmp_path: Path) -> None:
    fill(tmp_path / "in/train", {"cat": 4, "dog": 3})
    fill(tmp_path / "in/test", {"cat": 2, "dog": 2})
    data = load(tmp_path / "in", tmp_path)
    assert data.class_names == ("cat", "dog")
    assert data.shape == (3, 16, 16)
    assert data.train_labels.tolist() == [0] * 4 + [1] * 3
    assert data.train_images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 10, 11, 12]
    assert data.train_images.dtype == torch.uint8
    assert len(data.test_labels) == 4
    assert not data.notes


def test_one_folder_is_split_by_class_and_says_so(tmp_path: Path) -> None:
    fill(tmp_path / "in", {"cat": 10, "dog": 5})
    data = load(tmp_path / "in", tmp_path)
    assert np.bincount(data.test_labels).tolist() == [2, 1]
    assert len(data.train_labels) == 12
    assert "20%" in data.notes[0]
    fill(tmp_path / "in", {"cat": 11, "dog": 5})
    before = {int(pixel) for pixel in data.test_images[:, 0, 0, 0]}
    after = {int(pixel) for pixel in load(tmp_path / "in", tmp_path).test_images[:, 0, 0, 0]}
    assert len(before & after) >= 2, "one more image moves no more than one other"


def test_images_are_scaled_and_turned_grey_and_every_mode_is_read(tmp_path: Path) -> None:
    for mode in ("RGB", "L", "RGBA", "P", "CMYK", "I;16", "1"):
        value = 1 if mode == "1" else 200
        suffix = "tif" if mode == "CMYK" else "png"
        for name in ("a", "b"):
            target = tmp_path / "in" / name / f"{mode.replace(';', '')}.{suffix}"
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.new(mode, (40, 20), value if mode not in {"RGB", "RGBA", "CMYK"} else (value,) * len(mode)).save(
                target
            )
    data = load(tmp_path / "in", tmp_path, channels="grey")
    assert data.shape == (1, 16, 16)
    assert len(data.train_labels) + len(data.test_labels) == 14


def test_the_second_load_decodes_nothing_and_a_change_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "in", {"cat": 4, "dog": 4})
    first = load(tmp_path / "in", tmp_path / "cache")
    with monkeypatch.context() as patch:
        patch.setattr("PIL.Image.open", lambda *_: pytest.fail("decoded again"))
        assert torch.equal(load(tmp_path / "in", tmp_path / "cache").train_images, first.train_images)
    write_image(tmp_path / "in/cat/000.png", 99)
    again = load(tmp_path / "in", tmp_path / "cache")
    assert 99 in torch.cat([again.train_images, again.test_images])[:, 0, 0, 0]


def test_a_few_damaged_files_are_left_out_and_named(tmp_path: Path) -> None:
    fill(tmp_path / "in/train", {"cat": 10, "dog": 10})
    fill(tmp_path / "in/test", {"cat": 2, "dog": 2})
    (tmp_path / "in/train/cat/004.png").write_bytes((tmp_path / "in/train/cat/004.png").read_bytes()[:40])
    (tmp_path / "in/train/dog/text.png").write_text("no image")
    data = load(tmp_path / "in", tmp_path)
    assert len(data.train_labels) == 19
    assert "2 of 25 images" in data.notes[0]
    assert "cat/004.png" in data.notes[0]
    assert "dog/text.png" in data.notes[0]
    assert str(tmp_path) not in data.notes[0]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda root: None, "no such folder"),
        (lambda root: fill(root, {"cat": 5}), "has 1 class folder with"),
        (lambda root: fill(root, {"cat": 5, "dog": 1}), "'dog' has 1 image;"),
        (lambda root: (fill(root / "train", {"a": 3, "b": 3}), fill(root / "test", {"a": 1, "z": 1})), "the class 'z'"),
        (lambda root: (fill(root / "train", {"a": 3, "b": 3}), (root / "test").mkdir()), "no images"),
        (
            lambda root: [fill(root, {"a": 4, "b": 4}), *((root / "a" / f"{i}.jpg").write_text("x") for i in range(5))],
            "at most 20%",
        ),
    ],
)
def test_what_cannot_be_used_is_one_sentence(tmp_path: Path, make: object, sentence: str) -> None:
    make(tmp_path / "in")
    with pytest.raises(DataError) as caught:
        load(tmp_path / "in", tmp_path / "cache")
    assert sentence in str(caught.value)
    assert "allowed" in str(caught.value)
