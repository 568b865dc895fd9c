"""Every dataset keeps the same promises."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from distill_core.catalog import DatasetEntry
from distill_core.datasets import REGISTRY
from distill_core.datasets.image_data import ImageData


def image_folder(root: Path) -> dict[str, str]:
    for name, value in (("cat", 10), ("dog", 200)):
        for index in range(6):
            (root / name).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (12, 12), (value, index, 0)).save(root / name / f"{index}.png")
    return {"path": str(root)}


# What a dataset of a trait needs to be tried; others are tried with their defaults.
NEEDS = {"folder": image_folder}


@pytest.fixture(params=[entry.name for entry in REGISTRY])
def entry(request: pytest.FixtureRequest) -> DatasetEntry:
    return REGISTRY[request.param]


@pytest.fixture
def params(entry: DatasetEntry, tmp_path: Path) -> object:
    needed: dict[str, str] = {}
    for trait in entry.traits & NEEDS.keys():
        needed |= NEEDS[trait](tmp_path / "in")
    return entry.resolve(needed)


@pytest.fixture
def data(entry: DatasetEntry, params: object, tmp_path: Path) -> ImageData:
    return entry.load(params, tmp_path / "cache")


def test_it_gives_bytes_with_labels_of_its_classes(data: ImageData) -> None:
    for images, labels in ((data.train_images, data.train_labels), (data.test_images, data.test_labels)):
        assert images.dtype == torch.uint8
        assert labels.dtype == torch.int64
        assert images.shape == (len(labels), *data.shape)
        assert labels.min() >= 0
        assert labels.max() < data.classes
    assert set(data.train_labels.tolist()) == set(range(data.classes)), "every class can be learned"
    assert len(set(data.class_names)) == data.classes


def test_its_normalisation_is_that_of_its_training_pixels(data: ImageData) -> None:
    pixels = data.train_images.float() / 255
    torch.testing.assert_close(torch.tensor(data.mean), pixels.mean((0, 2, 3)), atol=0.01, rtol=0)
    assert all(std > 0 for std in data.std)


def test_loading_twice_gives_the_same_and_so_does_the_fingerprint(
    entry: DatasetEntry, params: object, data: ImageData, tmp_path: Path
) -> None:
    again = entry.load(params, tmp_path / "other")
    assert torch.equal(again.train_images, data.train_images)
    assert torch.equal(again.test_labels, data.test_labels)
    assert entry.fingerprint(params) == entry.fingerprint(params)
