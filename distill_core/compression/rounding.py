"""Rounds weights to few bits, layer by layer: what quantization does to a network, seen on the network itself."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils import parametrize

from distill_core.compression.layers import chosen_weights, layer_sizes
from distill_core.compression_step import AfterStep, Around, CompressionRefused, NetworkStep
from distill_core.entries import CompressionEntry, Params
from distill_core.signature import INPUT_KINDS, TASKS


class RoundingParams(Params):
    bits: int = Field(4, ge=2, le=8, description="Of each weight; 2 bits leave -1, 0 and 1 times a scale.")
    per_channel: bool = Field(False, description="A scale for each row or kernel instead of one for the whole layer.")
    layers: tuple[str, ...] = Field((), description="Only these layers; none named: all.")


def round_weights(weight: Tensor, bits: int, *, per_channel: bool = False) -> Tensor:
    """round(w / s * Q) / Q * s with Q = 2^(bits-1) - 1 and s the largest |w|: at most 2^bits - 1 distinct values.

    s is taken over the whole tensor, or over each `weight[i]`. Halves are rounded to the even neighbour.
    Source: Jacob et al. 2018, https://arxiv.org/abs/1712.05877, section 3 (symmetric, without a zero point).
    """
    most = 2 ** (bits - 1) - 1
    sizes = weight.abs()
    scale = sizes.flatten(1).amax(1).view(-1, *[1] * (weight.dim() - 1)) if per_channel else sizes.amax()
    # A row of zeros stays one.
    step = torch.where(scale > 0, scale, torch.ones_like(scale)) / most
    return (weight / step).round() * step


class StraightThrough(nn.Module):
    """Computes with rounded weights and trains the exact ones behind them, as if rounding had a slope of 1.

    Source: Bengio et al. 2013, https://arxiv.org/abs/1308.3432.
    """

    def __init__(self, bits: int, *, per_channel: bool) -> None:
        super().__init__()
        self.bits, self.per_channel = bits, per_channel

    def forward(self, weight: Tensor) -> Tensor:
        rounded = round_weights(weight.detach(), self.bits, per_channel=self.per_channel)
        # In this order the value is the rounded one to the last bit.
        return rounded + (weight - weight.detach())


@torch.no_grad()
def round_network(network: nn.Module, params: RoundingParams) -> nn.Module:
    """Round all chosen weights in place; biases and normalisation stay. Raises CompressionRefused."""
    for weights in chosen_weights(network, params.layers).values():
        for weight in weights:
            weight.copy_(round_weights(weight, params.bits, per_channel=params.per_channel))
    return network


def hold_rounded(network: nn.Module, params: RoundingParams) -> list[AfterStep]:
    """Every chosen weight is seen through a rounding one. Raises CompressionRefused for recurrent layers."""
    for layer in chosen_weights(network, params.layers):
        module = network.get_submodule(layer)
        if not isinstance(module, nn.Linear | nn.Embedding | nn.modules.conv._ConvNd):
            raise CompressionRefused(
                f"Layer {layer} ({type(module).__name__}) cannot be trained with rounded weights: it reads them all at "
                "once, past any rounding. Train first and round last, or round only the other layers."
            )
    for layer in chosen_weights(network, params.layers):
        rounding = StraightThrough(params.bits, per_channel=params.per_channel)
        parametrize.register_parametrization(network.get_submodule(layer), "weight", rounding)
    return []


def build(params: RoundingParams) -> NetworkStep:
    def apply(network: nn.Module, around: Around) -> nn.Module:
        return round_network(network, params)

    def hold(network: nn.Module) -> list[AfterStep]:
        return hold_rounded(network, params)

    def rehearse(network: nn.Module, around: Around) -> nn.Module:
        chosen_weights(network, params.layers)
        return network

    return NetworkStep(apply, hold, rehearse, layer_sizes)


ENTRY = CompressionEntry(
    name="weight-rounding", title="Weight rounding (2 to 8 bits)",
    summary="Weights are rounded to few values but still stored as floats: it shows what few bits do to a network.",
    source="Jacob et al. 2018, https://arxiv.org/abs/1712.05877", params=RoundingParams,
    traits=frozenset({"network", "low-bit", *INPUT_KINDS, *TASKS}), label="{bits}-bit weights", strength="bits",
    strengths=(2, 3, 4, 5, 6, 8), build=build,
)
