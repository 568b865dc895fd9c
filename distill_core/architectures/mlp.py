"""A perceptron with one hidden layer."""

from __future__ import annotations

import math

from pydantic import Field
from torch import nn

from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import Signature


class MlpParams(Params):
    hidden: int = Field(
        32, ge=1, le=65_536, description="Units of the hidden layer; below about 16 distillation tends to hurt."
    )


def build(params: MlpParams, signature: Signature) -> nn.Module:
    """[B,*shape] -> [B,outputs], of any numbers; ValueError for texts and for answers per step."""
    if signature.kind == "text" or signature.task == "tagging":
        raise ValueError(
            f"An MLP reads numbers and answers once per sample; these are {signature.noun} for {signature.task}."
        )
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(math.prod(signature.shape), params.hidden),
        nn.ReLU(inplace=True),
        nn.Linear(params.hidden, signature.outputs),
    )


ENTRY = ArchitectureEntry(
    name="mlp",
    title="MLP (1 hidden layer)",
    summary="No notion of space or order at all; 2,410 parameters on the digits.",
    source="measured for the digits presets",
    params=MlpParams,
    traits=frozenset({"image", "sequence", "table", "classification", "regression"}),
    build=build,
)
