"""A picture or a text of the user's own, as a data set's samples are: what is asked of one network right now."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from distill_core.errors import DataError
from distill_core.ingestion.drawing import fitted_picture
from distill_core.ingestion.manner import Manner
from distill_core.ingestion.picture import LARGEST_FILE_BYTES, LARGEST_PIXELS, BadPicture, Picture, PictureReader
from distill_core.ingestion.words import ids_of

LONGEST_TEXT = 20_000
# Large enough that cutting out a small subject leaves something of it.
_LEAST_READ = 512
_MOST_NAMED = 5


@dataclass(frozen=True, eq=False)
class Prepared:
    """`inputs` as an exported graph takes them, without the batch; `notes` in sentences: what was changed."""

    inputs: NDArray[np.generic]
    notes: tuple[str, ...] = ()


def picture_input(content: bytes, *, shape: tuple[int, ...], manner: Manner | None) -> Prepared:
    """The bytes of a picture file as float32 [C,H,W] in 0..1.

    With a manner, something on a plain ground is cut out and shown as the data show it; else it is scaled, as pictures
    of a data set are. Raises DataError.
    """
    channels, high, wide = shape
    if channels not in (1, 3):
        raise DataError(
            f"These images have {channels} channels; allowed for a picture: 1 (grey) or 3 (colours). Pick a test image."
        )
    notes: list[str] = []
    try:
        if manner is not None:
            whole = _read(content, max(_LEAST_READ, 2 * high, 2 * wide), "grey", in_proportion=True, notes=notes)
            fitted = fitted_picture(whole, shape=shape, manner=manner)
            if fitted is not None:
                return Prepared(fitted, (*notes, "Cut out and shown as the data are: ground, ink, size and place."))
            notes = ["Its background is not plain, so the whole picture was scaled."]
        colours: Literal["grey", "rgb"] = "grey" if channels == 1 else "rgb"
        if high == wide:
            pixels = _read(content, high, colours, in_proportion=False, notes=notes)
        else:
            whole = _read(content, 2 * max(high, wide), colours, in_proportion=True, notes=notes)
            planes = [Image.fromarray(plane).resize((wide, high), Image.Resampling.BOX) for plane in whole]
            pixels = np.stack([np.asarray(plane) for plane in planes])
    except BadPicture as error:
        raise DataError(
            f"The picture cannot be used: {error}; allowed: PNG, JPEG, WebP, GIF, BMP, TIFF or PPM of at most "
            f"{LARGEST_PIXELS:,} pixels and {LARGEST_FILE_BYTES // 2**20} MiB. Choose another picture."
        ) from error
    return Prepared(pixels.astype(np.float32) / np.float32(255), tuple(notes))


def _read(
    content: bytes, size: int, channels: Literal["grey", "rgb"], *, in_proportion: bool, notes: list[str]
) -> NDArray[np.uint8]:
    if len(content) > LARGEST_FILE_BYTES:
        raise BadPicture(f"{len(content) / 2**20:,.0f} MiB are too many")
    found: Picture = PictureReader(size=size, channels=channels, in_proportion=in_proportion).read(content)
    if found.first_of_many:
        notes.append("Only the first of several pictures in the file was read.")
    return found.pixels


def text_input(text: str, *, words: Sequence[str], pattern: str, length: int) -> Prepared:
    """A typed text as token ids int64 [length]; `pattern` finds its words. Raises DataError for one without words."""
    if len(text) > LONGEST_TEXT:
        raise DataError(
            f"The text has {len(text):,} characters; allowed: at most {LONGEST_TEXT:,}. Give a part of it."
        )
    found = re.findall(pattern, unicodedata.normalize("NFC", text).lower())
    if not found:
        raise DataError("The text is empty; allowed: at least one word. Type a sentence.")
    index = {word: number for number, word in enumerate(words)}
    notes = []
    if len(found) > length:
        notes.append(f"Only the first {length} of {len(found):,} words are read.")
    unknown = list(dict.fromkeys(word for word in found[:length] if word not in index))
    if unknown:
        named = ", ".join(f"“{word[:30]}”" for word in unknown[:_MOST_NAMED])
        more = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
        notes.append(f"Not in the vocabulary, so read as unknown: {named}{more}.")
    return Prepared(np.array(ids_of(found, index, length=length), dtype=np.int64), tuple(notes))


def table_input(values: Sequence[float | None], *, features: int) -> Prepared:
    """A row of numbers as float32 [F]. Raises DataError for another count, or what is no number."""
    row = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    with np.errstate(over="ignore"):
        narrow = row.astype(np.float32)
    if row.shape != (features,) or not np.isfinite(narrow).all():
        bad = next((place for place, value in enumerate(narrow, start=1) if not np.isfinite(value)), len(row))
        raise DataError(
            f"Value {bad} of the row is missing or no usable number; allowed: {features} finite numbers. Correct it."
        )
    return Prepared(narrow)
