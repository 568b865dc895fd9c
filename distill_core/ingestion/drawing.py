"""Turns what a person drew or photographed into an image like those of a data set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from distill_core.errors import DataError
from distill_core.ingestion.manner import Manner, ink_box, thickness_of

MOST_STROKES, MOST_POINTS = 500, 20_000
# A drawing that reaches no farther than this share of its field is a dot.
_A_DOT = 0.02
_RASTER = 256
_THINNEST, _THICKEST = 0.04, 0.35
_PLAIN_THICKNESS = 0.05
_WHITE, _BLACK = 1.0, 0.1
# Of a photograph: below this share of the contrast is paper, above that one is ink.
_PAPER, _INK = 0.35, 0.6
_LEAST_CONTRAST = 0.15

Floats = NDArray[np.float32]
Stroke = list[tuple[float, float]]


def strokes_of(data: Any) -> list[Stroke]:
    """Strokes as the drawing field sends them: lists of x, y, x, y ... in 0..1. Raises DataError."""
    known = isinstance(data, list) and len(data) <= MOST_STROKES
    if known:
        known = all(isinstance(stroke, list) and len(stroke) % 2 == 0 for stroke in data)
    if known:
        known = sum(map(len, data)) <= 2 * MOST_POINTS and all(
            isinstance(value, (int, float)) and math.isfinite(value) for stroke in data for value in stroke
        )
    if not known:
        raise DataError(
            f"This drawing cannot be read; allowed: at most {MOST_STROKES} strokes with {MOST_POINTS:,} points in all. "
            "Clear the field and draw again."
        )
    clipped = [[min(max(float(value), 0.0), 1.0) for value in stroke] for stroke in data]
    return [list(zip(stroke[::2], stroke[1::2], strict=True)) for stroke in clipped if stroke]


def drawn_image(strokes: Sequence[Stroke], *, shape: tuple[int, ...], manner: Manner | None) -> Floats:
    """Strokes in a square field (x right, y down, 0..1) as an image float32 [C,H,W] in 0..1.

    With the manner of a data set the drawing gets its size, place, thickness, ground and ink; without, it is dark on
    white as it was drawn. Pixels are the shares of their area that are inked. Raises DataError for a blank drawing.
    """
    _channels, high, wide = shape
    points = np.array([point for stroke in strokes for point in stroke], dtype=np.float64).reshape(-1, 2)
    if not len(points) or float(np.ptp(points, axis=0).max()) < _A_DOT:
        raise DataError("The drawing is blank; allowed: at least one line. Draw in the field above.")
    if manner is None:
        flat = np.array([wide, high], dtype=np.float64)
        cover = _inked([np.array(stroke) * flat for stroke in strokes], _PLAIN_THICKNESS * high, high=high, wide=wide)
        return _painted(cover, shape, None)
    low, high_end = _THINNEST * high, _THICKEST * high
    cover = np.zeros((high, wide))
    # The thickness that looks, in the finished image, as it does in the data: halved towards in seven steps.
    for _ in range(7):
        thickness = (low + high_end) / 2
        cover = _inked(_placed(strokes, points, manner, thickness, high, wide), thickness, high=high, wide=wide)
        low, high_end = (thickness, high_end) if thickness_of(cover) < manner.thickness else (low, thickness)
    return _painted(cover, shape, manner)


def fitted_picture(pixels: NDArray[np.uint8], *, shape: tuple[int, ...], manner: Manner) -> Floats | None:
    """A picture uint8 [1,h,w] of something on a plain ground, such as ink on paper, in the manner of a data set.

    Float32 [C,H,W] in 0..1; None where the picture's ground is not plain. Raises DataError where it shows nothing.
    """
    _channels, high, wide = shape
    grey = pixels[0].astype(np.float32) / 255
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ground = float(np.median(border))
    distance = np.abs(grey - ground)
    contrast = float(np.percentile(distance, 99.5))
    if contrast < _LEAST_CONTRAST:
        raise DataError("The picture shows one plain area; allowed: something on it. Choose another picture.")
    if (np.abs(border - ground) > _PAPER * contrast).mean() > 0.25:
        return None
    cover = np.clip((distance / contrast - _PAPER) / (_INK - _PAPER), 0, 1)
    box = ink_box(cover)
    assert box is not None, "there is contrast, so that something is ink"
    top, bottom, left, right = box
    cut = Image.fromarray((cover[top:bottom, left:right] * 255).astype(np.uint8))
    scale = min(manner.height * high / cut.height, manner.widest * wide / cut.width)
    size = (max(1, round(cut.width * scale)), max(1, round(cut.height * scale)))
    small = np.asarray(cut.resize(size, Image.Resampling.BOX), dtype=np.float64) / 255
    placed = np.zeros((high, wide))
    y = _start(manner.centre_y * high, size[1], high)
    x = _start(manner.centre_x * wide, size[0], wide)
    placed[y : y + size[1], x : x + size[0]] = small[:high, :wide]
    return _painted(placed, shape, manner)


def _start(centre: float, length: int, whole: int) -> int:
    return min(max(round(centre - length / 2), 0), max(whole - length, 0))


def _placed(
    strokes: Sequence[Stroke], points: NDArray[np.float64], manner: Manner, thickness: float, high: int, wide: int
) -> list[NDArray[np.float64]]:
    """Strokes in pixels [n,2] (x, y), so that with their thickness they fill the data's typical box."""
    least, most = points.min(axis=0), points.max(axis=0)
    room = np.array([manner.widest * wide, manner.height * high]) - thickness
    span = np.maximum(most - least, 1e-9)
    scale = float((np.maximum(room, 1.0) / span).min())
    centre = np.array([manner.centre_x * wide, manner.centre_y * high])
    return [(np.array(stroke) - (least + most) / 2) * scale + centre for stroke in strokes]


def _inked(strokes: Sequence[NDArray[np.float64]], thickness: float, *, high: int, wide: int) -> NDArray[np.float64]:
    """The share of every pixel's area that is inked, [H,W]; strokes and thickness in pixels."""
    factor = min(max(_RASTER // max(high, wide), 2), 32)
    canvas = Image.new("L", (wide * factor, high * factor))
    pen, radius = ImageDraw.Draw(canvas), thickness * factor / 2
    for stroke in strokes:
        scaled = [(float(x) * factor, float(y) * factor) for x, y in stroke]
        for (x0, y0), (x1, y1) in pairwise(scaled):
            pen.line((x0, y0, x1, y1), fill=255, width=max(1, round(2 * radius)))
        for x, y in scaled:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    fine = np.asarray(canvas, dtype=np.float64) / 255
    return fine.reshape(high, factor, wide, factor).mean(axis=(1, 3))


def _painted(cover: NDArray[np.float64], shape: tuple[int, ...], manner: Manner | None) -> Floats:
    channels = shape[0]
    ground = manner.ground if manner else np.full(channels, _WHITE, dtype=np.float32)
    ink = manner.ink if manner else np.full(channels, _BLACK, dtype=np.float32)
    return (ground[:, None, None] + cover[None] * (ink - ground)[:, None, None]).astype(np.float32)
