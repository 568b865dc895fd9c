"""What a step sees, and what neighbouring steps see that was made in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn


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
