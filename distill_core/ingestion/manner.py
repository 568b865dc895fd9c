"""How the images of a data set show what they show: on which ground, in which ink, how large, where and how thick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_LOOKED_AT = 500
# An image's ground is plain if so large a share of its border is nearly of one brightness.
_LEAST_PLAIN, _NEARLY = 0.6, 0.15
# What differs from the ground by this share of the ink is ink.
_IS_INK = 0.3
_LEAST_CONTRAST = 0.15
# How far anti-aliased edges lengthen an outline that is counted along rows and columns: the mean of |cos| + |sin|.
_ROWS_AND_COLUMNS = 4 / np.pi

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Manner:
    """`ground` and `ink` [C] in 0..1. Sizes and places are shares of the image's height and width.

    `height` is that of a typical subject, `widest` that of a wide one; `centre_y` and `centre_x` its middle.
    `thickness` is that of a typical line, in pixels: see `thickness_of`.
    """

    ground: Floats
    ink: Floats
    height: float
    widest: float
    centre_y: float
    centre_x: float
    thickness: float


def manner_of(images: NDArray[np.generic]) -> Manner | None:
    """The manner of images [N,C,H,W], uint8 or float 0..1; None where they have no common plain ground, as photos.

    Looks at no more than 500 of them, evenly spread.
    """
    rows = np.unique(np.linspace(0, len(images) - 1, min(MOST_LOOKED_AT, len(images))).round().astype(np.int64))
    chosen = np.asarray(images[rows], dtype=np.float32)
    if images.dtype == np.uint8:
        chosen /= 255
    border = np.concatenate([chosen[:, :, 0], chosen[:, :, -1], chosen[:, :, :, 0], chosen[:, :, :, -1]], axis=2)
    ground = np.median(border, axis=(0, 2)).astype(np.float32)
    plain = (np.abs(border - ground[:, None]).max(axis=1) < _NEARLY).mean()
    distance = np.abs(chosen - ground[:, None, None]).max(axis=1)
    contrast = float(np.percentile(distance.max(axis=(1, 2)), 50))
    if plain < _LEAST_PLAIN or contrast < _LEAST_CONTRAST:
        return None
    strong = chosen.transpose(0, 2, 3, 1)[distance > 0.9 * contrast]
    ink = np.median(strong, axis=0).astype(np.float32)
    cover = np.clip(distance / contrast, 0, 1)
    boxes = np.array([box for one in cover if (box := ink_box(one)) is not None], dtype=np.float64)
    high, wide = chosen.shape[2:]
    tops, bottoms, lefts, rights = boxes.T
    return Manner(
        ground=ground, ink=ink,
        height=float(np.median(bottoms - tops)) / high, widest=float(np.percentile(rights - lefts, 90)) / wide,
        centre_y=float(np.median(bottoms + tops)) / 2 / high, centre_x=float(np.median(rights + lefts)) / 2 / wide,
        thickness=float(np.median([thickness_of(one) for one in cover if one.any()])),
    )


def ink_box(cover: NDArray[np.floating]) -> tuple[int, int, int, int] | None:
    """Top, bottom, left and right (ends excluded) of what is inked in `cover` [H,W], 0..1; None of a blank one."""
    inked = cover > _IS_INK
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    if not len(rows):
        return None
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def thickness_of(cover: NDArray[np.floating]) -> float:
    """How thick the lines of `cover` [H,W], 0..1, are in pixels: twice the area by the length of the outline."""
    framed = np.pad(cover, 1)
    outline = float(np.abs(np.diff(framed, axis=0)).sum() + np.abs(np.diff(framed, axis=1)).sum()) / _ROWS_AND_COLUMNS
    return 2 * float(cover.sum()) / outline if outline else 0.0
