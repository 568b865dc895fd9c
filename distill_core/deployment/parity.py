"""Compares an exported graph with the network it came from, over a whole test set; loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill_core.deployment.session import open_session

# Of the largest logit, or of 1 if that is larger. Rounding stays below a tenth of it; a wrong graph is far above.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Parity:
    """`max_abs_diff` between logits (NaN if either side has one); `same_class` of `total` samples agree.

    Samples whose two best classes are closer than the tolerance may change class though the parity holds.
    """

    max_abs_diff: float
    same_class: int
    total: int
    tolerance: float

    @property
    def holds(self) -> bool:
        return self.max_abs_diff <= self.tolerance


def onnx_logits(
    path: Path, images: NDArray[np.uint8], *, batch: int = 256, threads: int = 0
) -> NDArray[np.float32]:
    """Logits [N,K] of an exported graph for images uint8 [N,C,H,W]; 0 threads means all cores."""
    session = open_session(path, threads=threads)
    starts = range(0, max(len(images), 1), batch)
    parts = [session.run(["logits"], {"pixels": as_pixels(images[start : start + batch])})[0] for start in starts]
    return np.concatenate(parts)


def as_pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 0..255 to float32 0..1, what every exported graph takes."""
    return images.astype(np.float32) / np.float32(255)


def check_parity(
    path: Path, images: NDArray[np.uint8], expected_logits: NDArray[np.floating], *, batch: int = 256
) -> Parity:
    """Run every image uint8 [N,C,H,W] and compare with the network's own logits [N,K].

    Raises ValueError unless there is one row of expected logits for each of at least one image.
    """
    if not len(images) or len(images) != len(expected_logits):
        raise ValueError(f"{len(images)} images and {len(expected_logits)} rows of expected logits do not pair up")
    logits = onnx_logits(path, images, batch=batch)
    if logits.shape != expected_logits.shape:
        raise ValueError(f"the graph answers {logits.shape}, expected {expected_logits.shape}")
    same = logits.argmax(axis=1) == expected_logits.argmax(axis=1)
    # A NaN has no class: numpy's argmax would call two of them the same.
    valid = ~(np.isnan(logits).any(axis=1) | np.isnan(expected_logits).any(axis=1))
    return Parity(
        max_abs_diff=float(np.abs(logits.astype(np.float64) - expected_logits).max()),
        same_class=int((same & valid).sum()),
        total=len(images),
        tolerance=TOLERANCE * max(1.0, float(np.abs(expected_logits).max())),
    )
