"""A perceptron with one hidden layer."""

from __future__ import annotations

import math

from pydantic import Field
from torch import nn

from distill_core.catalog import ArchitectureEntry, Params


class MlpParams(Params):
    hidden: int = Field(
        32, ge=1, le=65_536, description="Units of the hidden layer; below about 16 distillation tends to hurt."
    )


def build(params: MlpParams, shape: tuple[int, ...], classes: int) -> nn.Module:
    """[B,C,H,W] -> [B,classes], of any size."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(math.prod(shape), params.hidden),
        nn.ReLU(inplace=True),
        nn.Linear(params.hidden, classes),
    )


ENTRY = ArchitectureEntry(
    name="mlp",
    title="MLP (1 hidden layer)",
    summary="No notion of space at all; 2,410 parameters on the digits.",
    source="measured for the digits presets",
    params=MlpParams,
    build=build,
)
