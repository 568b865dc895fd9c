"""The user's own images by class: a folder or a zip, with train/ and test/ inside, or one folder that is split."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from distill_core.datasets.samples import Samples
from distill_core.datasets.stored_images import stored_images
from distill_core.entries import DatasetEntry, Params, Tell, silent
from distill_core.ingestion.decoding import ImageSettings, decode_images
from distill_core.ingestion.decoding import fingerprint as fingerprint_of


class ImageFolderParams(Params):
    path: str = Field(min_length=1, max_length=4096, description="The folder or .zip file, on the machine that trains.")
    image_size: int = Field(32, ge=8, le=512, description="Images are scaled to this many pixels square.")
    channels: Literal["rgb", "grey"] = Field("rgb", description="Colour or one grey channel.")
    test_fraction: float = Field(
        0.2, gt=0, lt=1, description="Share kept for testing when there are no train and test folders inside."
    )


def load(params: ImageFolderParams, cache: Path, tell: Tell = silent) -> Samples:
    """Decode once into one uint8 array a split; later loads read the copy in `cache`. Raises DataError."""
    def on_progress(done: int, total: int) -> None:
        tell(f"{done:,} of {total:,} images read")

    return stored_images(decode_images(_settings(params), cache, on_progress=on_progress))


def fingerprint(params: ImageFolderParams) -> str:
    """Changes with any file's name, size, and time or checksum, and with how images are read; decodes nothing."""
    return fingerprint_of(_settings(params))


def _settings(params: ImageFolderParams) -> ImageSettings:
    return ImageSettings(
        path=params.path, image_size=params.image_size, channels=params.channels, test_fraction=params.test_fraction
    )


ENTRY = DatasetEntry(
    name="image-folder",
    title="Image folder",
    summary="Your own images, one folder a class, as a folder or a zip; with train and test inside, or split for you.",
    source="the layout of torchvision.datasets.ImageFolder",
    params=ImageFolderParams,
    traits=frozenset({"image", "classification", "folder", "file"}),
    load=load,
    fingerprint=fingerprint,
)
