"""What every image dataset gives: one uint8 tensor a split, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class ImageData:
    """Images uint8 [N,C,H,W], labels int64 [N]; `mean` and `std` a channel, of pixels in 0..1.

    `notes` tells what was skipped or changed while reading, in sentences.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        channels, height, width = self.train_images.shape[1:]
        return int(channels), int(height), int(width)

    @property
    def classes(self) -> int:
        return len(self.class_names)
