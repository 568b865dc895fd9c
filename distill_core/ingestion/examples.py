"""Samples to look at: of decoded images any, of other data those that the reading process kept."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from distill_core.ingestion.decoded import DecodedImages
from distill_core.signature import NO_LABEL

Part = Literal["train", "test", "unlabelled"]
PARTS: tuple[Part, ...] = ("train", "test", "unlabelled")
MOST_KEPT = 2_000
THUMBNAIL_PIXELS = 96


@dataclass(frozen=True, kw_only=True)
class Example:
    """One sample: `png` of an image, else `text`. `label` in words; None if it has none."""

    png: bytes | None
    text: str
    label: str | None


def image_examples(
    decoded: DecodedImages, *, split: Part, label: str | None, offset: int, count: int
) -> list[Example]:
    """Of a split, and of one class if `label` is given, else of all in turn; reads no more arrays than is shown.

    Raises OSError.
    """
    names: list[str] = decoded.description()["class_names"]
    array: Literal["train", "test"] = "test" if split == "test" else "train"
    labels = np.load(decoded.labels(array), allow_pickle=False)
    if split == "unlabelled":
        wanted = np.flatnonzero(labels == NO_LABEL)
    elif label is None:
        wanted = _class_after_class(labels)
    else:
        wanted = np.flatnonzero(labels == (names.index(label) if label in names else len(names)))
    chosen = wanted[offset : offset + count]
    pixels = np.load(decoded.inputs(array), mmap_mode="r", allow_pickle=False)
    return [
        Example(png=png_of(pixels[row]), text="", label=None if split == "unlabelled" else names[labels[row]])
        for row in chosen
    ]


def _class_after_class(labels: np.ndarray) -> np.ndarray:
    """Rows with a label: the first of every class, then the second of every class, for files lie sorted by class."""
    rows = np.flatnonzero(labels != NO_LABEL)
    ordered = rows[np.argsort(labels[rows], kind="stable")]
    classes = labels[ordered]
    place_in_class = np.arange(len(ordered)) - np.searchsorted(classes, classes)
    return ordered[np.lexsort((classes, place_in_class))]


def png_of(pixels: np.ndarray) -> bytes:
    """A PNG file of uint8 [C,H,W] with 1 or 3 channels; of another number the first is shown in grey."""
    shown = pixels.transpose(1, 2, 0) if len(pixels) == 3 else pixels[0]
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(shown)).save(out, format="PNG")
    return out.getvalue()


def thumbnail(inputs: np.ndarray) -> bytes:
    """A small PNG file of an image [C,H,W] in 0..1; tiny ones are enlarged dot by dot, so that they stay crisp."""
    pixels = (inputs.astype(np.float32).clip(0, 1) * 255).round().astype(np.uint8)
    longest = max(pixels.shape[1:])
    if longest * 2 <= THUMBNAIL_PIXELS:
        times = THUMBNAIL_PIXELS // longest
        return png_of(pixels.repeat(times, axis=1).repeat(times, axis=2))
    if longest <= THUMBNAIL_PIXELS:
        return png_of(pixels)
    picture, out = Image.open(io.BytesIO(png_of(pixels))), io.BytesIO()
    picture.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    picture.save(out, format="PNG")
    return out.getvalue()


def keep_examples(path: Path, examples: Iterable[tuple[Part, Example, Sequence[str]]]) -> None:
    """Write samples, each with its classes, that kept_examples reads."""
    with path.open("w", encoding="utf-8") as file:
        for split, example, classes in examples:
            png = base64.b64encode(example.png).decode("ascii") if example.png is not None else None
            line = {"split": split, "classes": classes, "label": example.label, "text": example.text, "png": png}
            file.write(json.dumps(line) + "\n")


def kept_examples(path: Path, *, split: Part, label: str | None, offset: int, count: int) -> list[Example]:
    """Raises OSError if none were kept."""
    with path.open(encoding="utf-8") as file:
        lines = (json.loads(line) for line in file)
        fitting = (line for line in lines if line["split"] == split and (label is None or label in line["classes"]))
        return [
            Example(
                png=base64.b64decode(line["png"]) if line["png"] is not None else None, text=line["text"],
                label=line["label"],
            )
            for line in islice(fitting, offset, offset + count)
        ]
