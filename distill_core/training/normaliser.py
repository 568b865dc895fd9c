"""Turns stored samples into what a network reads."""

from __future__ import annotations

import torch
from torch import Tensor

from distill_core.datasets.samples import Samples
from distill_core.signature import InputKind

# Which axis of a batch the figures of normalisation belong to.
_SHAPES: dict[InputKind, tuple[int, ...]] = {"image": (1, -1, 1, 1), "sequence": (1, 1, -1), "table": (1, -1)}


class Normaliser:
    """Stored or raw inputs to zero-mean floats; token ids to int64."""

    def __init__(self, data: Samples, device: torch.device) -> None:
        self._kind = data.kind
        if data.kind != "text":
            self.mean = torch.tensor(data.mean, device=device).view(_SHAPES[data.kind])
            self.std = torch.tensor(data.std, device=device).view(_SHAPES[data.kind])
        # Convolutions run faster with channels last: on a processor always, on a GPU those on larger images.
        last = data.kind == "image" and (device.type == "cpu" or data.shape[1] >= 16)
        self.format = torch.channels_last if last else torch.contiguous_format

    def raw(self, stored: Tensor) -> Tensor:
        """What generators and augmentation change: floats, of images 0..1, or token ids."""
        if self._kind == "text":
            return stored.long()
        return stored.float() / 255 if stored.dtype == torch.uint8 else stored

    def __call__(self, inputs: Tensor) -> Tensor:
        raw = self.raw(inputs)
        if self._kind == "text":
            return raw
        return ((raw - self.mean) / self.std).contiguous(memory_format=self.format)
