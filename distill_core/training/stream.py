"""Batches of a transfer set: which samples and views each step sees, a pure function of seed and step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from distill_core.datasets.image_data import ImageData
from distill_core.spec import Views
from distill_core.training.split import TransferSet
from distill_core.training.views import alter, generator_for

# Streams of random numbers that must not meet: order of samples, fixed views, fresh views, dropout.
ORDER, FIXED_VIEWS, FRESH_VIEWS, NOISE = 777, 999, 1999, 2999
LARGEST_POOL_BYTES = 2**29
TEACHER_BATCH = 512


@dataclass(frozen=True, slots=True)
class Batch:
    """inputs normalised float [B,C,H,W]; labels int64 [B] or NO_LABEL; `rows` [B] into the pool, or None if fresh."""

    inputs: Tensor
    labels: Tensor
    rows: Tensor | None


class Normaliser:
    """uint8 [B,C,H,W] or float 0..1 to the zero-mean floats a network reads."""

    def __init__(self, data: ImageData, device: torch.device) -> None:
        self.mean = torch.tensor(data.mean, device=device).view(1, -1, 1, 1)
        self.std = torch.tensor(data.std, device=device).view(1, -1, 1, 1)
        # Convolutions on larger images run faster with channels last.
        self.format = torch.channels_last if data.shape[1] >= 16 else torch.contiguous_format

    def __call__(self, pixels: Tensor) -> Tensor:
        if pixels.dtype == torch.uint8:
            pixels = pixels.float() / 255
        return ((pixels - self.mean) / self.std).contiguous(memory_format=self.format)


class Stream:
    """The endless sequence of batches that all rivals on one transfer set share.

    With K fixed views the pool holds K*n rows: row v*n+i is view v of sample i of the transfer set.
    Each pass over the pool is a new permutation; the incomplete last batch of a pass is dropped.
    """

    def __init__(
        self, data: ImageData, transfer: TransferSet, views: Views, *, batch_size: int, seed: int, device: torch.device
    ) -> None:
        self.transfer, self.views, self.batch_size, self.seed = transfer, views, batch_size, seed
        self.normalise = Normaliser(data, device)
        self.device = device
        self.labels = transfer.labels.to(device)
        self._pixels = data.train_images[transfer.indices].to(device)
        self._pool: Tensor | None = None
        if views.fixed_views is not None:
            self._pool = self._fixed_pool(views.fixed_views)
            self.labels = self.labels.repeat(views.fixed_views)
        self.rows = len(self._pixels) * (views.fixed_views or 1)
        self.batches_per_pass = max(self.rows // batch_size, 1)
        self._order: tuple[int, Tensor] | None = None
        self._teacher: tuple[nn.Module, Tensor] | None = None

    def _fixed_pool(self, count: int) -> Tensor:
        views = [self._pixels]
        for view in range(1, count):
            generator = generator_for(self.seed, FIXED_VIEWS, view)
            altered = alter(self._pixels.float() / 255, self.views.augmentation, generator)
            views.append((altered * 255).round().to(torch.uint8))
        pool = torch.cat(views)
        # Small pools are kept ready normalised; large ones stay bytes and are normalised a batch at a time.
        return self.normalise(pool) if pool.numel() * 4 <= LARGEST_POOL_BYTES else pool

    def rows_of(self, step: int) -> Tensor:
        """Rows [B] of the pool at a step, on the CPU."""
        number, place = divmod(step, self.batches_per_pass)
        if self._order is None or self._order[0] != number:
            self._order = (number, torch.randperm(self.rows, generator=generator_for(self.seed, ORDER, number)))
        return self._order[1][place * self.batch_size : (place + 1) * self.batch_size]

    def batch(self, step: int) -> Batch:
        rows = self.rows_of(step).to(self.device)
        if self._pool is not None:
            return Batch(inputs=self._inputs(rows), labels=self.labels[rows], rows=rows)
        altered = alter(
            self._pixels[rows].float() / 255, self.views.augmentation, generator_for(self.seed, FRESH_VIEWS, step)
        )
        return Batch(inputs=self.normalise(altered), labels=self.labels[rows], rows=None)

    def _inputs(self, rows: Tensor) -> Tensor:
        assert self._pool is not None
        inputs = self._pool[rows]
        return self.normalise(inputs) if inputs.dtype == torch.uint8 else inputs

    @torch.no_grad()
    def teacher_logits(self, teacher: nn.Module, batch: Batch) -> Tensor:
        """The teacher's logits [B,K] for a batch: once per row with fixed views, else computed now.

        The teacher must be in eval mode.
        """
        if batch.rows is None:
            return teacher(batch.inputs)
        if self._teacher is None or self._teacher[0] is not teacher:
            parts = torch.arange(self.rows, device=self.device).split(TEACHER_BATCH)
            self._teacher = (teacher, torch.cat([teacher(self._inputs(part)) for part in parts]))
        return self._teacher[1][batch.rows]
