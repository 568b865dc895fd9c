"""Altered copies of images: batched, drawn from a generator, the same on every device."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from distill_core.spec import Affine, CropFlip


def seed_for(*parts: int) -> int:
    """One seed below 2^63 that depends on nothing but the numbers given."""
    seed = 0
    for part in parts:
        # Knuth's MMIX generator: neighbouring parts must not give related seeds.
        seed = (seed * 6_364_136_223_846_793_005 + part + 1_442_695_040_888_963_407) % 2**63
    return seed


def generator_for(*parts: int) -> torch.Generator:
    """A CPU generator that depends on nothing but the numbers given."""
    return torch.Generator().manual_seed(seed_for(*parts))


def alter(pixels: Tensor, augmentation: Affine | CropFlip | None, *generators: torch.Generator) -> Tensor:
    """Alter float pixels [B,C,H,W] in 0..1; random numbers are drawn on the CPU whatever the device.

    Each generator draws for an equal share of the samples, in order: so several batches are altered in one go and each
    comes out as it does alone. Sequences [B,L,F] are altered like images of one channel: their steps are its rows.
    """
    if augmentation is None:
        return pixels
    if pixels.dim() == 3:
        return alter(pixels[:, None], augmentation, *generators)[:, 0]
    if isinstance(augmentation, Affine):
        return _affine(pixels, augmentation, generators)
    return _crop_flip(pixels, augmentation, generators)


def _affine(pixels: Tensor, spec: Affine, generators: Sequence[torch.Generator]) -> Tensor:
    """One random affine map a sample, bilinear, zeros outside."""
    batch, _, height, width = pixels.shape
    each = batch // len(generators)
    drawn = torch.cat([torch.rand(5, each, generator=one) for one in generators], dim=1)
    angle, scale, shear, right, down = (drawn * 2 - 1).unbind()
    angle = angle * math.radians(spec.rotation_degrees)
    scale = 1 + scale * spec.scale
    shear = shear * spec.shear
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    # Grid units run from -1 to 1, so one pixel is 2/size.
    rows = torch.stack(
        [
            cosine,
            shear - sine,
            right * spec.shift_pixels * 2 / width,
            sine,
            cosine,
            down * spec.shift_pixels * 2 / height,
        ],
        dim=1,
    )
    theta = rows.view(batch, 2, 3).to(device=pixels.device, dtype=pixels.dtype)
    grid = F.affine_grid(theta, list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _crop_flip(pixels: Tensor, spec: CropFlip, generators: Sequence[torch.Generator]) -> Tensor:
    """Random crop of the zero-padded image and random mirror, by one gather."""
    batch, channels, height, width = pixels.shape
    pad, each = spec.padding, batch // len(generators)
    tops, lefts, mirrors = [], [], []
    for one in generators:
        tops.append(torch.randint(0, 2 * pad + 1, (each, 1), generator=one))
        lefts.append(torch.randint(0, 2 * pad + 1, (each, 1), generator=one))
        if spec.flip:
            mirrors.append(torch.rand(each, 1, generator=one) < 0.5)
    top, left = torch.cat(tops), torch.cat(lefts)
    columns = torch.arange(width).expand(batch, width)
    if spec.flip:
        columns = torch.where(torch.cat(mirrors), columns.flip(1), columns)
    rows = (torch.arange(height) + top).to(pixels.device)
    columns = (columns + left).to(pixels.device)
    padded = F.pad(pixels, (pad, pad, pad, pad))
    index = rows[:, :, None] * (width + 2 * pad) + columns[:, None, :]
    flat = padded.flatten(2).gather(2, index.flatten(1)[:, None].expand(-1, channels, -1))
    return flat.view(batch, channels, height, width)
