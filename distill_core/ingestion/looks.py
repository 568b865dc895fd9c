"""A sample as a picture for people: images as they are, tiny ones enlarged crisply, sequences as a pattern."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from distill_core.ingestion.examples import png_of
from distill_core.signature import PADDING, InputKind

LEAST_SHOWN_PX = 192
_SMALL_PX, _SHRUNK_PX = 32, 64
"""What is at most so large is sent dot by dot; what is larger is shrunk, as a photograph."""


@dataclass(frozen=True)
class Picture:
    """A picture of few bytes; `crisp` if its dots are to be enlarged as squares."""

    content: bytes
    media_type: str
    crisp: bool


def sample_png(inputs: NDArray[np.generic], kind: InputKind) -> bytes | None:
    """A PNG of an image [C,H,W] or of a sequence [L,F] (a row a step, light is large); None of texts and tables.

    uint8, or floats: of images 0..1, of sequences from the sample's least to its largest value.
    """
    if kind == "image":
        return png_of(_enlarged(_bytes(np.asarray(inputs))))
    if kind != "sequence":
        return None
    return png_of(_enlarged(_pattern(inputs)))


def small_picture(inputs: NDArray[np.generic], kind: InputKind) -> Picture | None:
    """As `sample_png` shows it, but in as few bytes as can be, for a page with a hundred of them."""
    if kind not in ("image", "sequence"):
        return None
    pixels = _pattern(inputs) if kind == "sequence" else _bytes(np.asarray(inputs))
    if max(pixels.shape[1:]) <= _SMALL_PX:
        return Picture(png_of(pixels), "image/png", crisp=True)
    shown = pixels.transpose(1, 2, 0) if len(pixels) == 3 else pixels[0]
    image = Image.fromarray(np.ascontiguousarray(shown))
    image.thumbnail((_SHRUNK_PX, _SHRUNK_PX))
    out = io.BytesIO()
    image.save(out, format="JPEG", quality=80)
    return Picture(out.getvalue(), "image/jpeg", crisp=False)


def text_of(ids: NDArray[np.generic], words: tuple[str, ...]) -> str:
    """The words of token ids [L], without padding."""
    return " ".join(words[int(number)] for number in ids if int(number) != PADDING)


def _pattern(inputs: NDArray[np.generic]) -> NDArray[np.uint8]:
    """A sequence [L,F] as a grey picture [1,L,F], from its least to its largest value."""
    values = np.asarray(inputs, dtype=np.float64)
    least, spread = float(np.nanmin(values)), float(np.ptp(values))
    return _bytes((values - least) / (spread or 1.0))[None]


def _bytes(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return values  # type: ignore[return-value]
    return (np.clip(np.nan_to_num(values.astype(np.float64)), 0, 1) * 255).round().astype(np.uint8)


def _enlarged(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Every pixel as a square, so that a browser does not blur few pixels into a fog."""
    factor = max(1, -(-LEAST_SHOWN_PX // max(pixels.shape[1:])))
    return pixels.repeat(factor, axis=1).repeat(factor, axis=2)
