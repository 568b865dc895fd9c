"""Turns arrays as users save them into inputs: images, sequences or rows of a table; loads no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from distill_core.errors import DataError

ArrayKind = Literal["image", "sequence", "table"]
_CHUNK_ELEMENTS = 2**24
_CHANNELS = (1, 3)
_NOUNS = {"image": "images", "sequence": "sequences", "table": "tables"}
_ALLOWED = {
    "image": "samples x height x width, with 1 or 3 channels before or after height x width",
    "sequence": "samples x steps x features, or samples x steps",
    "table": "samples x features, or samples",
}


@dataclass(frozen=True)
class Layout:
    """How the inputs of a file are arranged; decided by the training inputs, so that the test inputs are read alike.

    `channels`: where those of an image are. `factor`: what pixels are multiplied with to be 0..255.
    """

    kind: ArrayKind
    channels: Literal["none", "first", "last"] = "none"
    factor: float = 1.0
    notes: tuple[str, ...] = ()


def find_layout(array: np.ndarray, kind: ArrayKind, *, key: str) -> Layout:
    """What the training inputs tell; raises DataError for shapes and values that are not of the kind."""
    if array.dtype.kind not in "biuf":
        raise DataError(f"The array {key!r} holds texts; allowed for inputs: numbers. Choose another array.")
    ranks = {"image": (3, 4), "sequence": (2, 3), "table": (1, 2)}[kind]
    if array.ndim not in ranks or 0 in array.shape:
        raise _wrong_shape(array, kind, key)
    if kind != "image":
        return Layout(kind)
    if array.ndim == 3:
        channels, words = "none", ["The images have no channels and are read as grey."]
    elif array.shape[1] in _CHANNELS:
        channels, words = "first", ["The images' channels are read as standing before height and width (NCHW)."]
    elif array.shape[3] in _CHANNELS:
        channels, words = "last", ["The images' channels are read as standing after height and width (NHWC)."]
    else:
        raise _wrong_shape(array, kind, key)
    factor, note = _pixel_factor(array, key)
    return Layout(kind, channels, factor, (*words, *note))  # type: ignore[arg-type]


def as_inputs(array: np.ndarray, layout: Layout, *, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs as datasets give them (uint8 [N,C,H,W]; uint8 or float32 [N,L,F]; float32 [N,F]), which are usable [N].

    A sample with a number that is missing, infinite or, of a pixel, out of range is not usable.
    """
    if layout.kind == "image":
        moved = {"none": array[:, None], "first": array, "last": np.moveaxis(array, -1, 1)}
        if array.ndim != (3 if layout.channels == "none" else 4):
            raise _wrong_shape(array, layout.kind, key)
        return _fill(moved[layout.channels], np.dtype(np.uint8), layout.factor)
    if array.ndim == (2 if layout.kind == "sequence" else 1):
        array = array[..., None]
    if layout.kind == "sequence" and array.dtype == np.uint8:
        return array, np.ones(len(array), dtype=bool)
    return _fill(array, np.dtype(np.float32), 1.0)


def scale_of(inputs: np.ndarray, kind: ArrayKind) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each channel or feature, as floats where uint8 stands for 0..1; constant ones have 1."""
    # A sample suffices for normalisation and keeps large files quick.
    some = inputs[np.linspace(0, len(inputs) - 1, min(len(inputs), 10_000)).astype(np.int64)].astype(np.float64)
    if inputs.dtype == np.uint8:
        some /= 255
    axes = (0, 2, 3) if kind == "image" else tuple(range(some.ndim - 1))
    mean, std = some.mean(axes), some.std(axes)
    varied = std > 1e-6 * np.maximum(np.abs(mean), 1e-6)
    return tuple(map(float, mean)), tuple(map(float, np.where(varied, std, 1.0)))


def _pixel_factor(array: np.ndarray, key: str) -> tuple[float, list[str]]:
    if array.dtype == np.uint8:
        return 1.0, []
    if array.dtype == np.bool_:
        return 255.0, ["Truth values are read as black and white."]
    extremes = [(part.min(), part.max()) for part in (_finite(chunk) for _, chunk in _chunks(array)) if part.size]
    if not extremes:
        raise DataError(f"The array {key!r} holds no finite number; allowed: pixels 0..1 or 0..255. Save it anew.")
    low, high = float(min(low for low, _ in extremes)), float(max(high for _, high in extremes))
    if low < 0 or high > (65535 if array.dtype == np.uint16 else 255):
        raise DataError(
            f"The pixels of {key!r} are {low:g} to {high:g}; allowed: 0..1 or 0..255. Scale them before saving, or "
            "choose another kind."
        )
    if high > 255:
        return 255 / 65535, ["The 16-bit pixels were rounded to 8 bits."]
    if high <= 1:
        return 255.0, ["The pixels are read as 0..1 and were rounded to 8 bits."]
    return 1.0, ["The pixels are read as 0..255 and were rounded to 8 bits."]


def _finite(chunk: np.ndarray) -> np.ndarray:
    return chunk[np.isfinite(chunk)] if chunk.dtype.kind == "f" else chunk


def _fill(array: np.ndarray, dtype: np.dtype, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """A contiguous copy of another type, made in pieces of bounded size, and which samples are usable."""
    result = np.zeros(array.shape, dtype=dtype)
    usable = np.ones(len(array), dtype=bool)
    if array.dtype == dtype and dtype == np.uint8:
        result[:] = array
        return result, usable
    for place, chunk in _chunks(array):
        # Numbers beyond float32 become infinite, which is told below.
        with np.errstate(over="ignore"):
            values = chunk.astype(np.float32)
        values *= factor
        good = np.isfinite(values)
        if dtype == np.uint8:
            good &= (values > -0.5) & (values < 255.5)
            values = np.where(good, np.round(values), 0)
        usable[place : place + len(chunk)] = good.reshape(len(chunk), -1).all(1)
        result[place : place + len(chunk)] = values
    return result, usable


def _chunks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    step = max(1, _CHUNK_ELEMENTS // max(1, array[0].size))
    return ((place, array[place : place + step]) for place in range(0, len(array), step))


def _wrong_shape(array: np.ndarray, kind: ArrayKind, key: str) -> DataError:
    shape = "x".join(map(str, array.shape)) or "a single number"
    return DataError(
        f"The array {key!r} has the shape {shape}; allowed for {_NOUNS[kind]}: {_ALLOWED[kind]}. Choose another."
    )
