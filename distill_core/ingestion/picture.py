"""Turns one picture file of whatever kind into a small square of bytes, or says why it cannot."""

from __future__ import annotations

import io
import struct
import threading
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, UnidentifiedImageError

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}
)
LARGEST_PIXELS = 50_000_000
LARGEST_FILE_BYTES = 64 * 2**20
# Pillow knows many more; one of them starts another program (EPS), and none of them is a picture of a data set.
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM")
# Beyond this, pictures are decoded one at a time, so that memory stays that of one large picture.
_LARGE_PIXELS = 4_000_000
_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
_WHITE = 255


class BadPicture(Exception):
    """A file that is no readable picture; the message is the reason, in words."""


@dataclass(frozen=True)
class Picture:
    """`pixels` uint8 [C,S,S], or [C,h,w] in proportion.

    `first_of_many` if only the first frame or page of several was read.
    """

    pixels: np.ndarray
    first_of_many: bool


class PictureReader:
    """Reads pictures to `size` x `size` pixels in `channels`. Thread-safe.

    Turned as the camera held it (EXIF), first frame of several, transparency on white, 16 bits to 8 by the high byte,
    scaled without keeping the proportions; or, if `in_proportion`, so that the longer side has `size` pixels.
    """

    def __init__(self, *, size: int, channels: Literal["rgb", "grey"], in_proportion: bool = False) -> None:
        self._size, self._in_proportion = (size, size), in_proportion
        self._mode = "RGB" if channels == "rgb" else "L"
        self._one_large = threading.RLock()

    def read(self, content: bytes) -> Picture:
        """Raises BadPicture."""
        if not content:
            raise BadPicture("the file is empty")
        try:
            try:
                return self._read(content)
            except MemoryError:
                # Perhaps only for what other threads hold: once more, beside nothing large.
                with self._one_large:
                    return self._read(content)
        except BadPicture:
            raise
        except UnidentifiedImageError:
            raise BadPicture("not a picture of a known format") from None
        except Image.DecompressionBombError:
            raise BadPicture(f"too many pixels; at most {LARGEST_PIXELS:,}") from None
        except MemoryError:
            raise BadPicture("needs more memory than reading may use") from None
        # Pillow raises many kinds of error for damaged files; all mean the same to the user.
        except Exception as error:
            raise BadPicture(_reason(error)) from error

    def _read(self, content: bytes) -> Picture:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            width, height = image.size
            if width * height > LARGEST_PIXELS:
                raise BadPicture(f"{width:,} x {height:,} pixels are too many; at most {LARGEST_PIXELS:,}")
            # Several pictures in a phone's JPEG (MPO) are views of the same one.
            many = image.format != "MPO" and bool(getattr(image, "is_animated", False))
            # Decoding at a reduced scale is what makes large JPEGs cheap.
            image.draft(self._mode, (self._size[0] * 2, self._size[1] * 2))
            if width * height > _LARGE_PIXELS:
                with self._one_large:
                    return Picture(self._pixels(image), many)
            return Picture(self._pixels(image), many)

    def _pixels(self, image: Image.Image) -> np.ndarray:
        image.load()
        # After loading, for TIFF is turned by then and says so.
        turn = _TURNS.get(_orientation(image))
        plain = _eight_bit(image)
        size = self._size_of(plain)
        if plain.size != size:
            plain = plain.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
        if plain.mode == "RGBA":
            ground = Image.new("RGBA", plain.size, (_WHITE,) * 4)
            plain = Image.alpha_composite(ground, plain).convert("RGB")
        if plain.mode != self._mode:
            plain = plain.convert(self._mode)
        if turn is not None:
            plain = plain.transpose(turn)
        pixels = np.asarray(plain)
        return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))

    def _size_of(self, image: Image.Image) -> tuple[int, int]:
        if not self._in_proportion:
            return self._size
        scale = self._size[0] / max(image.size)
        return max(1, round(image.width * scale)), max(1, round(image.height * scale))


def _eight_bit(image: Image.Image) -> Image.Image:
    """As L, RGB or RGBA, unscaled; raises BadPicture."""
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "I;16N"):
        values = np.asarray(image)
        if values.size and (int(values.min()) < 0 or int(values.max()) > 0xFFFF):
            raise BadPicture("more than 16 bits a pixel; at most 16")
        return Image.fromarray((values >> 8).astype(np.uint8))
    if image.mode == "F":
        raise BadPicture("pixels are floating-point numbers; 8 or 16 bits are read")
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    """1 (upright) where nothing, or nothing sensible, is said: damaged side information spoils no picture."""
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except (ValueError, TypeError, KeyError, SyntaxError, OverflowError, OSError, struct.error):
        return 1


def _reason(error: Exception) -> str:
    text = str(error)
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return "the file is cut off"
    return f"damaged: {text[:80]}" if text else f"damaged ({type(error).__name__})"
