"""Folders of images, good and bad."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from distill_core.datasets import REGISTRY
from distill_core.datasets.samples import Samples
from distill_core.datasets.stored_images import stored_images
from distill_core.errors import DataError
from distill_core.ingestion import decoding
from distill_core.ingestion.decoded import open_array
from distill_core.ingestion.decoding import ImageSettings, decode_images
from distill_core.signature import NO_LABEL
from distill_core.spec import Choice


def write_image(path: Path, value: int, *, size: int = 16, mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (size, size), value if mode != "RGB" else (value, 0, 0)).save(path)


def fill(root: Path, counts: dict[str, int]) -> None:
    for number, (name, count) in enumerate(counts.items()):
        for index in range(count):
            write_image(root / name / f"{index:03}.png", 10 * number + index)


def load(root: Path, cache: Path, **params: object) -> Samples:
    entry, typed = REGISTRY.resolve(Choice(name="image-folder", params={"path": str(root), "image_size": 16, **params}))
    return entry.load(typed, cache)


def test_train_and_test_folders_are_kept_apart(tmp_path: Path) -> None:
    fill(tmp_path / "in/train", {"cat": 4, "dog": 3})
    fill(tmp_path / "in/test", {"cat": 2, "dog": 2})
    data = load(tmp_path / "in", tmp_path)
    assert data.class_names == ("cat", "dog")
    assert data.shape == (3, 16, 16)
    assert data.train_labels.tolist() == [0] * 4 + [1] * 3
    assert data.train_inputs[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 10, 11, 12]
    assert data.train_inputs.dtype == torch.uint8
    assert len(data.test_labels) == 4
    assert not data.notes


def test_one_folder_is_split_by_class_and_says_so(tmp_path: Path) -> None:
    fill(tmp_path / "in", {"cat": 10, "dog": 5})
    data = load(tmp_path / "in", tmp_path)
    assert np.bincount(data.test_labels).tolist() == [2, 1]
    assert len(data.train_labels) == 12
    assert "20%" in data.notes[0]
    fill(tmp_path / "in", {"cat": 11, "dog": 5})
    before = {int(pixel) for pixel in data.test_inputs[:, 0, 0, 0]}
    after = {int(pixel) for pixel in load(tmp_path / "in", tmp_path).test_inputs[:, 0, 0, 0]}
    assert len(before & after) >= 2, "one more image moves no more than one other"


def test_inputs_are_scaled_and_turned_grey_and_every_mode_is_read(tmp_path: Path) -> None:
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
        assert torch.equal(load(tmp_path / "in", tmp_path / "cache").train_inputs, first.train_inputs)
    write_image(tmp_path / "in/cat/000.png", 99)
    again = load(tmp_path / "in", tmp_path / "cache")
    assert 99 in torch.cat([again.train_inputs, again.test_inputs])[:, 0, 0, 0]


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
        (lambda root: (fill(root / "train", {"a": 3, "b": 3}), write_image(root / "test/x.png", 1)), "no images"),
        (lambda root: (root / "a").mkdir(parents=True), "has 0 class folders"),
        (
            lambda root: [fill(root, {"a": 4, "b": 4}), *((root / "a" / f"{i}.jpg").write_text("x") for i in range(5))],
            "at most 20%",
        ),
    ],
)
def test_what_cannot_be_used_is_one_sentence(tmp_path: Path, make: Callable[[Path], object], sentence: str) -> None:
    make(tmp_path / "in")
    with pytest.raises(DataError) as caught:
        load(tmp_path / "in", tmp_path / "cache")
    assert sentence in str(caught.value)
    assert "allowed" in str(caught.value)


def zipped(folder: Path, path: Path, *, inside: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, f"{inside}{file.relative_to(folder).as_posix()}")
    return path


@pytest.mark.parametrize("inside", ["", "my pictures/"])
def test_a_zip_gives_what_its_folder_gives(tmp_path: Path, inside: str) -> None:
    fill(tmp_path / "in/train", {"cat": 4, "dog": 3})
    fill(tmp_path / "in/test", {"cat": 2, "dog": 2})
    folder = load(tmp_path / "in", tmp_path / "one")
    archive = load(zipped(tmp_path / "in", tmp_path / "in.zip", inside=inside), tmp_path / "two")
    assert archive.class_names == folder.class_names
    assert torch.equal(archive.train_inputs, folder.train_inputs)
    assert torch.equal(archive.train_labels, folder.train_labels)
    assert torch.equal(archive.test_inputs, folder.test_inputs)
    assert (archive.mean, archive.std, archive.notes) == (folder.mean, folder.std, folder.notes)


def test_classes_of_a_zip_that_share_no_folder_stay_classes(tmp_path: Path) -> None:
    fill(tmp_path / "in", {"cat": 4, "dog": 3})
    assert load(zipped(tmp_path / "in", tmp_path / "in.zip"), tmp_path).class_names == ("cat", "dog")


def test_a_copied_zip_has_the_same_fingerprint_and_a_changed_one_another(tmp_path: Path) -> None:
    entry = REGISTRY["image-folder"]

    def fingerprint(name: str) -> str:
        path = zipped(tmp_path / "in", tmp_path / name)
        return entry.fingerprint(entry.resolve({"path": str(path), "image_size": 16}))

    fill(tmp_path / "in", {"cat": 4, "dog": 4})
    first = fingerprint("a.zip")
    assert fingerprint("b.zip") == first
    write_image(tmp_path / "in/cat/000.png", 99)
    changed = fingerprint("a.zip")
    assert changed != first
    (tmp_path / "in/dog").rename(tmp_path / "in/wolf")
    assert fingerprint("a.zip") not in (first, changed)


def test_unlabelled_images_are_training_samples_without_a_label(tmp_path: Path) -> None:
    fill(tmp_path / "in/train", {"cat": 4, "dog": 3})
    fill(tmp_path / "in/test", {"cat": 2, "dog": 2})
    fill(tmp_path / "in/unlabelled", {"some/deeper": 5})
    write_image(tmp_path / "in/unlabelled/x.png", 200)
    data = load(tmp_path / "in", tmp_path)
    assert data.class_names == ("cat", "dog")
    assert data.train_labels.tolist() == [0] * 4 + [1] * 3 + [NO_LABEL] * 6
    assert 200 in data.train_inputs[-6:, 0, 0, 0]
    assert "6 images of the unlabelled folder" in data.notes[0]


def test_train_alone_is_split_and_a_validation_folder_stands_in_for_test(tmp_path: Path) -> None:
    fill(tmp_path / "in/Train", {"cat": 10, "dog": 5})
    alone = load(tmp_path / "in", tmp_path)
    assert np.bincount(alone.test_labels).tolist() == [2, 1]
    fill(tmp_path / "in/val", {"cat": 1, "dog": 3})
    with_validation = load(tmp_path / "in", tmp_path)
    assert np.bincount(with_validation.test_labels).tolist() == [1, 3]
    assert "'val' is used for testing" in with_validation.notes[0]
    fill(tmp_path / "in/test", {"cat": 4, "dog": 4})
    all_three = load(tmp_path / "in", tmp_path)
    assert len(all_three.test_labels) == 8
    assert "4 images beside the train and test folders were left out: 'val'" in all_three.notes[0]


def test_images_in_deeper_folders_belong_to_their_class_and_others_are_counted(tmp_path: Path) -> None:
    fill(tmp_path / "in/train", {"n01/images": 4, "n02/images": 3})
    fill(tmp_path / "in/test", {"n01": 2, "n02": 2})
    (tmp_path / "in/train/n01/boxes.txt").write_text("1 2 3 4")
    (tmp_path / "in/.DS_Store").write_text("")
    write_image(tmp_path / "in/cover.png", 1)
    data = load(tmp_path / "in", tmp_path)
    assert data.class_names == ("n01", "n02")
    assert len(data.train_labels) == 7
    assert data.notes == (
        "1 image outside all class folders was left out.",
        "Other files, which are no images or hidden, were left out: 2.",
    )


def test_large_data_are_mapped_and_changes_stay_in_memory(tmp_path: Path) -> None:
    fill(tmp_path / "in", {"cat": 4, "dog": 4})
    settings = ImageSettings(path=str(tmp_path / "in"), image_size=16, channels="rgb", test_fraction=0.3)
    decoded = decode_images(settings, tmp_path / "cache")
    read, mapped = stored_images(decoded), stored_images(decoded, mapped_bytes=1)
    assert isinstance(open_array(decoded.inputs("train"), mapped_bytes=1), np.memmap)
    assert not isinstance(open_array(decoded.inputs("train")), np.memmap)
    assert torch.equal(read.train_inputs, mapped.train_inputs)
    before = decoded.inputs("train").read_bytes()
    mapped.train_inputs[:] = 77
    assert decoded.inputs("train").read_bytes() == before


def test_its_figures_are_those_of_all_training_pixels(tmp_path: Path) -> None:
    draw = np.random.RandomState(0)
    for number in range(300):
        path = tmp_path / "in" / ("a" if number % 2 else "b") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.randint(0, 256, (16, 16, 3), dtype=np.uint8) // (number % 3 + 1)).save(path)
    data = load(tmp_path / "in", tmp_path)
    pixels = data.train_inputs.double() / 255
    torch.testing.assert_close(torch.tensor(data.mean).double(), pixels.mean((0, 2, 3)), atol=1e-4, rtol=0)
    torch.testing.assert_close(torch.tensor(data.std).double(), pixels.std((0, 2, 3)), atol=1e-4, rtol=0)


def test_progress_comes_in_windows_and_every_bad_file_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_WINDOW_FILES", 4)
    fill(tmp_path / "in/train", {"cat": 20, "dog": 20})
    fill(tmp_path / "in/test", {"cat": 2, "dog": 2})
    for number in range(8):
        (tmp_path / f"in/train/cat/{number:03}.png").write_bytes(b"damaged")
    told: list[tuple[int, int]] = []
    settings = ImageSettings(path=str(tmp_path / "in"), image_size=16, channels="rgb", test_fraction=0.2)
    decoded = decode_images(settings, tmp_path, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 44) for done in range(0, 45, 4)]
    listed = decoded.problems.read_text().splitlines()
    assert len(listed) == decoded.description()["bad"] == 8
    assert '"file": "train/cat/000.png"' in listed[0]
    assert "8 of 44 images" in decoded.description()["notes"][0]
    assert "and 3 more" in decoded.description()["notes"][0]
    assert np.load(decoded.inputs("train")).shape == (32, 3, 16, 16)


def test_reading_that_fails_or_is_killed_leaves_nothing_that_looks_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "in", {"cat": 4, "dog": 4})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(decoding.NpyRows, "append", full)
        with pytest.raises(DataError, match="No space left on device"):
            load(tmp_path / "in", tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]
    entry = REGISTRY["image-folder"]
    fingerprint = entry.fingerprint(entry.resolve({"path": str(tmp_path / "in"), "image_size": 16}))
    leftover = tmp_path / "cache" / f"image-folder-{fingerprint}.part"
    leftover.mkdir()
    (leftover / "train_inputs.npy").write_bytes(b"half")
    assert len(load(tmp_path / "in", tmp_path / "cache").train_labels) == 6
    assert not leftover.exists()


def test_a_class_of_which_nothing_can_be_read_stops_it(tmp_path: Path) -> None:
    fill(tmp_path / "in/train", {"cat": 20, "dog": 1})
    fill(tmp_path / "in/test", {"cat": 2, "dog": 2})
    (tmp_path / "in/train/dog/000.png").write_bytes(b"damaged")
    with pytest.raises(DataError, match="No training image of the class 'dog' could be read; allowed"):
        load(tmp_path / "in", tmp_path / "cache")
