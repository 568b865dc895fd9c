"""Disturbs inputs in five strengths each, the same way for every network and at every try."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from distill_core.datasets.samples import Samples
from distill_core.signature import PADDING, UNKNOWN, InputKind
from distill_core.training.views import generator_for

Disturb = Callable[[Tensor, float, Sequence[int], Samples], Tensor]


@dataclass(frozen=True)
class Disturbance:
    """`apply(raw, strength, rows, data)`: raw inputs [B,*shape] and their rows of the test set -> inputs of that shape.

    Images are 0..1 and stay so; see Normaliser.raw for the others. What is random of a sample depends on its row alone
    and is the same at every strength, so that a curve differs from point to point in strength only. The kinds follow
    Hendrycks and Dietterich 2019 (https://arxiv.org/abs/1903.12261), the strengths are our own.
    """

    name: str
    strengths: tuple[float, ...]
    apply: Disturb


def _noise(raw: Tensor, strength: float, rows: Sequence[int], data: Samples) -> Tensor:
    """Gaussian noise of this standard deviation, pixels in 0..1."""
    return (raw + strength * _drawn(raw, rows, 1)).clamp(0, 1)


def _blur(raw: Tensor, strength: float, rows: Sequence[int], data: Samples) -> Tensor:
    """Gaussian blur; the strength is the deviation of the kernel, in pixels, for images with sides of 32.

    A side's square root counts: small images have fewer details to lose, large ones are looked at more closely.
    """
    sigma = blur_pixels(strength, raw.shape[-2:])
    reach = max(1, math.ceil(3 * sigma))
    places = torch.arange(-reach, reach + 1, dtype=raw.dtype)
    weights = torch.exp(-0.5 * (places / sigma) ** 2)
    weights = weights / weights.sum()
    channels = raw.shape[1]
    padded = F.pad(raw, (reach, reach, reach, reach), mode="replicate")
    across = F.conv2d(padded, weights.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(across, weights.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels).clamp(0, 1)


def blur_pixels(strength: float, sides: Sequence[int]) -> float:
    """The deviation of the kernel, in pixels of images with these sides."""
    return strength * math.sqrt(min(sides) / 32)


def _brightness(raw: Tensor, strength: float, rows: Sequence[int], data: Samples) -> Tensor:
    """Every pixel so much brighter; what would be brighter than white is white."""
    return (raw + strength).clamp(0, 1)


def _occlusion(raw: Tensor, strength: float, rows: Sequence[int], data: Samples) -> Tensor:
    """A rectangle of the training images' mean colour whose sides are this share of the image's, within the image."""
    height, width = raw.shape[-2:]
    tall, wide = max(1, round(strength * height)), max(1, round(strength * width))
    covered = raw.clone()
    colour = torch.tensor(data.mean, dtype=raw.dtype).view(-1, 1, 1)
    for place, row in enumerate(rows):
        down, right = torch.rand(2, generator=generator_for(2, int(row))).tolist()
        top, left = round(down * (height - tall)), round(right * (width - wide))
        covered[place, :, top : top + tall, left : left + wide] = colour
    return covered


def _left_out(raw: Tensor, strength: float, rows: Sequence[int], data: Samples) -> Tensor:
    """So large a share of a text's words is left out; what follows moves up. At least one word stays."""
    kept = torch.full_like(raw, PADDING)
    for place, row in enumerate(rows):
        words = raw[place][raw[place] != PADDING]
        if len(words):
            staying = words[_spared(len(words), strength, int(row), 3)]
            kept[place, : len(staying)] = staying
    return kept


def _misspelt(raw: Tensor, strength: float, rows: Sequence[int], data: Samples) -> Tensor:
    """So large a share of a text's words is misspelt, so that they are words that the networks do not know."""
    changed = raw.clone()
    for place, row in enumerate(rows):
        at = (raw[place] != PADDING).nonzero()[:, 0]
        if len(at):
            changed[place, at[~_spared(len(at), strength, int(row), 4)]] = UNKNOWN
    return changed


def _spared(count: int, strength: float, row: int, kind: int) -> Tensor:
    """Whether each word is left as it is, bool [count]; those changed at a weaker strength are changed here too."""
    drawn = torch.rand(count, generator=generator_for(kind, row))
    spared = drawn >= strength
    spared[drawn.argmax()] = True
    return spared


def _value_noise(raw: Tensor, strength: float, rows: Sequence[int], data: Samples) -> Tensor:
    """Gaussian noise in units of each feature's standard deviation on the training data."""
    return raw + strength * torch.tensor(data.std, dtype=raw.dtype) * _drawn(raw, rows, 5)


def _missing(raw: Tensor, strength: float, rows: Sequence[int], data: Samples) -> Tensor:
    """So large a share of the values is not known: each is replaced by its feature's mean on the training data."""
    lost = torch.stack([torch.rand(raw.shape[1:], generator=generator_for(6, int(row))) for row in rows]) < strength
    return torch.where(lost, torch.tensor(data.mean, dtype=raw.dtype).expand_as(raw), raw)


def _drawn(raw: Tensor, rows: Sequence[int], kind: int) -> Tensor:
    """Standard normal numbers of the inputs' shape, from each sample's own row."""
    return torch.stack([torch.randn(raw.shape[1:], generator=generator_for(kind, int(row))) for row in rows])


_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)
_OF_VALUES = (
    Disturbance("value-noise", (0.1, 0.2, 0.4, 0.7, 1.0), _value_noise),
    Disturbance("missing", _SHARES, _missing),
)
OF_KIND: dict[InputKind, tuple[Disturbance, ...]] = {
    "image": (
        Disturbance("noise", (0.08, 0.12, 0.18, 0.26, 0.38), _noise),
        Disturbance("blur", (0.5, 0.8, 1.1, 1.5, 2.0), _blur),
        Disturbance("brightness", (0.1, 0.2, 0.3, 0.4, 0.5), _brightness),
        Disturbance("occlusion", (0.25, 0.375, 0.5, 0.625, 0.75), _occlusion),
    ),
    "text": (Disturbance("left-out", _SHARES, _left_out), Disturbance("misspelt", _SHARES, _misspelt)),
    "sequence": _OF_VALUES,
    "table": _OF_VALUES,
}
