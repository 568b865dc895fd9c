"""What a generator of variants takes and gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from distill_core.signature import Signature


@dataclass(frozen=True, slots=True)
class Originals:
    """A batch before normalisation.

    inputs: float 0..1 [B,C,H,W] of images, float [B,L,F] of sequences, int64 [B,L] of texts, float [B,F] of tables;
    labels as in StepTensors, [B] or [B,L] or [B,D]. `pool`: all inputs of the transfer set as they are stored,
    [N,*shape], to take replacements from.
    """

    inputs: Tensor
    labels: Tensor
    pool: Tensor
    signature: Signature


@dataclass(frozen=True, slots=True)
class Variants:
    """Variants of a batch, of the same shapes; mixed ones have partner_labels like labels, and share [B] in 0..1."""

    inputs: Tensor
    labels: Tensor
    partner_labels: Tensor | None = None
    share: Tensor | None = None


VariantMaker = Callable[[Originals, torch.Generator], Variants]
"""Random numbers are drawn from the generator, on the CPU, whatever the device of the inputs: runs repeat exactly."""
