"""What a step sees, what neighbouring steps see that was made in one go, and how many samples are asked about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

MOST_ASKED, LARGEST_ASKED = 512, 2**22


def asked_at_once(shape: Sequence[int]) -> int:
    """How many samples of a shape a network is asked about at once where nothing is learnt.

    Of large images as few as of a batch that trains: the maps of 512 would fill a GPU that trains them with ease.
    """
    return max(1, min(MOST_ASKED, LARGEST_ASKED // max(math.prod(shape), 1)))


@dataclass(frozen=True, slots=True)
class Batch:
    """inputs as a network reads them [B,*shape]; labels [B,...] or NO_LABEL; `rows` [B] into the pool, None if fresh;
    `step` it is for.

    Mixed samples have partner_labels [B,...], and share [B] is how much `labels` count.
    """

    inputs: Tensor
    labels: Tensor
    rows: Tensor | None
    step: int
    partner_labels: Tensor | None = None
    share: Tensor | None = None


@dataclass(slots=True)
class Block:
    """Batches of neighbouring steps, from step `first` on; `rows` are those of all."""

    first: int
    rows: Tensor
    batches: list[Batch]
    teacher: nn.Module | None = None
    """Whose answers `logits` are, a tensor a batch."""
    logits: Sequence[Tensor] = ()
