"""What several generators draw: places to change, replacements from the pool, and shares of a mixture."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from distill_core.signature import PADDING

_ENOUGH_FOR_A_MEAN = 512


def some_of(allowed: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """True at `share` of the allowed places of each row, at least at one and never at all; bool [B,L], on the CPU.

    allowed: bool [B,L]. A row of one allowed place has none: without it nothing would be left.
    """
    allowed = allowed.cpu()
    scores = torch.rand(allowed.shape, generator=generator).masked_fill(~allowed, 2.0)
    there = allowed.sum(1, keepdim=True)
    wanted = torch.minimum((there * share).round().clamp(min=1), there - 1).clamp(min=0)
    return scores.argsort(1).argsort(1) < wanted


def real_tokens(tokens: Tensor) -> Tensor:
    """True where a text is not padding; bool [B,L]."""
    return tokens != PADDING


def squares(
    batch: int, height: int, width: int, *, share: float, patches: int, generator: torch.Generator
) -> list[Tensor]:
    """For each patch a mask bool [B,1,H,W] on the CPU, true in a square at a random place inside of the image.

    All of them together cover `share` of the image, or less where they overlap.
    """
    side = min(max(round(math.sqrt(share * height * width / patches)), 1), height, width)
    masks = []
    for _ in range(patches):
        top = torch.randint(height - side + 1, (batch, 1), generator=generator)
        left = torch.randint(width - side + 1, (batch, 1), generator=generator)
        masks.append(inside(top, top + side, left, left + side, height=height, width=width))
    return masks


def inside(top: Tensor, bottom: Tensor, left: Tensor, right: Tensor, *, height: int, width: int) -> Tensor:
    """True from `top` to before `bottom` and from `left` to before `right`, each int [B,1]; bool [B,1,H,W]."""
    y, x = torch.arange(height), torch.arange(width)
    rows, columns = (y >= top) & (y < bottom), (x >= left) & (x < right)
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def others(pool: Tensor, like: Tensor, generator: torch.Generator) -> Tensor:
    """As many random samples of the pool as there are in `like`, raw and on its device."""
    rows = torch.randint(len(pool), (len(like),), generator=generator)
    return raw(pool[rows.to(pool.device)], like)


def raw(stored: Tensor, like: Tensor) -> Tensor:
    """Stored samples with the type and on the device of raw inputs: uint8 stands for 0..1 in steps of 1/255."""
    moved = stored.to(like.device)
    return moved.to(like.dtype) / 255 if stored.dtype == torch.uint8 else moved.to(like.dtype)


def pool_mean(pool: Tensor, like: Tensor) -> Tensor:
    """The mean of up to 512 samples all over the pool: [1,C,1,1] of images, [1,1,F] of sequences, [1,F] of tables."""
    rows = torch.linspace(0, len(pool) - 1, min(len(pool), _ENOUGH_FOR_A_MEAN)).round().long()
    samples = raw(pool[rows.to(pool.device)], like)
    over = {4: (0, 2, 3), 3: (0, 1), 2: (0,)}[samples.dim()]
    return samples.mean(over, keepdim=True)


def beta_shares(count: int, concentration: float, generator: torch.Generator) -> Tensor:
    """Shares 0..1 float32 [count] from Beta(concentration, concentration), on the CPU."""
    # torch's own Beta takes no generator.
    seed = int(torch.randint(2**62, (1,), generator=generator))
    drawn = np.random.default_rng(seed).beta(concentration, concentration, size=count)
    return torch.from_numpy(drawn.astype(np.float32))
