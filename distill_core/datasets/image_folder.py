"""A folder of images by class: train/<class>/ and test/<class>/, or one folder that is split."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from pydantic import Field

from distill_core.catalog import DatasetEntry, Params
from distill_core.datasets.image_data import ImageData
from distill_core.errors import DataError
from distill_core.folders import write_bytes

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}
LARGEST_PIXELS = 50_000_000
MOST_BAD = 0.2
NAMED_BAD = 5


class ImageFolderParams(Params):
    path: str = Field(min_length=1, max_length=4096, description="The folder, on the machine that trains.")
    image_size: int = Field(32, ge=8, le=512, description="Images are scaled to this many pixels square.")
    channels: Literal["rgb", "grey"] = Field("rgb", description="Colour or one grey channel.")
    test_fraction: float = Field(
        0.2, gt=0, lt=1, description="Share kept for testing when the folder has no train and test inside."
    )


def load(params: ImageFolderParams, cache: Path) -> ImageData:
    """Decode once into one uint8 array a split; later loads read the copy in `cache`."""
    names, train, test, single = _files(params)
    stored = cache / f"image-folder-{fingerprint(params)}.npz"
    if not stored.exists():
        _store(stored, *_decode(params, train, test))
    with np.load(stored) as archive:
        held = {name: archive[name] for name in archive.files}
    notes = tuple(str(note) for note in held["notes"])
    if single:
        notes = (
            f"The folder has no train and test inside: {params.test_fraction:.0%} of each class were kept for testing.",
            *notes,
        )
    pixels = torch.from_numpy(held["train_images"])
    # A sample suffices for normalisation and keeps large folders quick.
    sample = pixels[torch.linspace(0, len(pixels) - 1, min(len(pixels), 10_000)).long()].float() / 255
    return ImageData(
        train_images=pixels,
        train_labels=torch.from_numpy(held["train_labels"]),
        test_images=torch.from_numpy(held["test_images"]),
        test_labels=torch.from_numpy(held["test_labels"]),
        class_names=tuple(names),
        mean=tuple(round(float(v), 4) for v in sample.mean((0, 2, 3))),
        std=tuple(max(round(float(v), 4), 1e-3) for v in sample.std((0, 2, 3))),
        notes=notes,
    )


def fingerprint(params: ImageFolderParams) -> str:
    """Changes with any file's name, size or time, and with how images are read; cheap (no decoding)."""
    _, train, test, _ = _files(params)
    summary = hashlib.sha256(params.model_dump_json(exclude={"path"}).encode())
    for split in (train, test):
        for file, label in split:
            status = file.stat()
            summary.update(f"{file.parent.name}/{file.name}:{label}:{status.st_size}:{status.st_mtime_ns}\n".encode())
        summary.update(b"--\n")
    return summary.hexdigest()[:16]


Labelled = list[tuple[Path, int]]


def _files(params: ImageFolderParams) -> tuple[list[str], Labelled, Labelled, bool]:
    """Class names, training and test files with labels, and whether one folder was split."""
    root = Path(params.path).expanduser()
    if not root.is_dir():
        raise DataError(
            f"data.dataset.params.path is {params.path!r}; allowed: a folder with train/<class>/ and test/<class>/, "
            "or with <class>/ folders. There is no such folder on this machine."
        )
    split_given = (root / "train").is_dir() and (root / "test").is_dir()
    names = _classes(root / "train" if split_given else root)
    if len(names) < 2:
        raise DataError(
            f"The folder {root.name!r} has {len(names)} class folder{'s' * (len(names) != 1)} with images; "
            "allowed: at least 2. Put each class's images into a folder of its own."
        )
    if split_given:
        unknown = sorted(set(_classes(root / "test")) - set(names))
        if unknown:
            raise DataError(
                f"The test folder has the class {unknown[0]!r}, which the train folder lacks; allowed: the same "
                "classes in both. Add training images for it or remove it."
            )
        train = [(file, label) for label, name in enumerate(names) for file in _images(root / "train" / name)]
        test = [(file, label) for label, name in enumerate(names) for file in _images(root / "test" / name)]
        if not test:
            raise DataError("The test folder has no images; allowed: at least one. Add some or remove the test folder.")
        return names, train, test, False
    train, test = [], []
    for label, name in enumerate(names):
        files = _images(root / name)
        if len(files) < 3:
            raise DataError(
                f"The class {name!r} has {len(files)} image{'s' * (len(files) != 1)}; allowed: at least 3 a class, to "
                "learn from, validate and test. Add images or remove the class."
            )
        # By a hash of the name, so that adding images moves no other image to the other split.
        ordered = sorted(files, key=lambda file: hashlib.sha256(file.name.encode()).digest())
        held = min(max(1, round(len(files) * params.test_fraction)), len(files) - 2)
        test += [(file, label) for file in ordered[:held]]
        train += [(file, label) for file in ordered[held:]]
    return names, train, test, True


def _classes(folder: Path) -> list[str]:
    return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and _images(Path(entry.path)))


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    return [folder / name for name in names if os.path.splitext(name)[1].lower() in SUFFIXES]


def _decode(params: ImageFolderParams, train: Labelled, test: Labelled) -> tuple[dict[str, np.ndarray], list[str]]:
    arrays: dict[str, np.ndarray] = {}
    bad: list[str] = []
    for split, files in (("train", train), ("test", test)):
        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            images = list(pool.map(lambda item: _read(item[0], params), files, chunksize=64))
        good = [index for index, image in enumerate(images) if isinstance(image, np.ndarray)]
        bad += [
            f"{files[i][0].parent.name}/{files[i][0].name} ({image})"
            for i, image in enumerate(images)
            if isinstance(image, str)
        ]
        if not good:
            raise DataError(f"None of the {len(files)} {split} images could be read; first: {bad[0]}. Check the files.")
        arrays[f"{split}_images"] = np.stack([images[index] for index in good])
        arrays[f"{split}_labels"] = np.array([files[index][1] for index in good], dtype=np.int64)
    total = len(train) + len(test)
    if len(bad) > MOST_BAD * total:
        raise DataError(
            f"{len(bad)} of {total} images could not be read, such as {bad[0]}; allowed: at most {MOST_BAD:.0%}. "
            "Repair or remove them."
        )
    return arrays, _describe(bad, total)


def _describe(bad: Sequence[str], total: int) -> list[str]:
    if not bad:
        return []
    more = f" and {len(bad) - NAMED_BAD} more" if len(bad) > NAMED_BAD else ""
    return [f"{len(bad)} of {total} images could not be read and were left out: {', '.join(bad[:NAMED_BAD])}{more}."]


def _read(file: Path, params: ImageFolderParams) -> np.ndarray | str:
    """uint8 [C,H,W], or why the file cannot be read."""
    try:
        with Image.open(file) as image:
            if image.width * image.height > LARGEST_PIXELS:
                return f"{image.width}x{image.height} pixels are too many"
            # Decoding at a reduced scale is what makes large JPEGs cheap.
            image.draft("RGB", (params.image_size * 2, params.image_size * 2))
            plain = image.convert("RGB" if params.channels == "rgb" else "L")
            if plain.size != (params.image_size, params.image_size):
                plain = plain.resize((params.image_size, params.image_size), Image.Resampling.BILINEAR)
            pixels = np.asarray(plain)
    # Pillow raises many kinds of error for damaged files; all mean the same to the user.
    except Exception as error:
        return str(error).replace(str(file), file.name)[:80] or type(error).__name__
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _store(path: Path, arrays: dict[str, np.ndarray], notes: Sequence[str]) -> None:
    buffer = io.BytesIO()
    # A zip member name can only be a plain string, and notes may be empty: fixed dtype keeps it loadable.
    np.savez(buffer, notes=np.array(notes, dtype=np.str_), **arrays)  # type: ignore[arg-type]
    write_bytes(path, buffer.getvalue())


ENTRY = DatasetEntry(
    name="image-folder",
    title="Image folder",
    summary="Your own images, one folder a class; train and test folders, or one folder that is split.",
    source="the layout of torchvision.datasets.ImageFolder",
    params=ImageFolderParams,
    traits=frozenset({"folder"}),
    load=load,
    fingerprint=fingerprint,
)
