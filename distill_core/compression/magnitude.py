"""Unstructured magnitude pruning: the smallest weights become zero, by a share of them or by a threshold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from distill_core.compression.layers import chosen_weights, layer_sizes, layer_weights
from distill_core.compression_step import AfterStep, Around, CompressionRefused, NetworkStep
from distill_core.entries import CompressionEntry, Params
from distill_core.signature import INPUT_KINDS, TASKS

_TRAITS = frozenset({"network", *INPUT_KINDS, *TASKS})
_SPEED = "Masked zeros shrink a zipped file, not the time: dense kernels multiply by zero as by any number."


class SparsityParams(Params):
    sparsity: float = Field(0.5, gt=0, lt=1, description="Share of the weights that become 0.")
    scope: Literal["global", "layer"] = Field(
        "global", description="global: the smallest of all layers together; layer: the same share of each."
    )
    layers: tuple[str, ...] = Field((), description="Only these layers; none named: all.")


class ThresholdParams(Params):
    threshold: float = Field(0.01, ge=0, le=1e6, description="Weights whose size is at most this become 0.")
    layers: tuple[str, ...] = Field((), description="Only these layers; none named: all.")


@torch.no_grad()
def prune_below(weights: Mapping[str, Sequence[Tensor]], thresholds: Mapping[str, float]) -> None:
    """Set to 0 every weight w of a layer with |w| <= its threshold, in place.

    Raises CompressionRefused, changing nothing, if a layer would be left without any weight.
    """
    for name, tensors in weights.items():
        if all(bool((tensor.abs() <= thresholds[name]).all()) for tensor in tensors):
            raise CompressionRefused(
                f"Every weight of layer {name} would become 0, and the network would answer all inputs alike; prune "
                "less, or the same share of each layer."
            )
    for name, tensors in weights.items():
        for tensor in tensors:
            tensor[tensor.abs() <= thresholds[name]] = 0.0


@torch.no_grad()
def threshold_for(tensors: Sequence[Tensor], sparsity: float) -> float:
    """The size of the largest weight among the given share of smallest ones."""
    sizes = torch.cat([tensor.abs().flatten() for tensor in tensors])
    count = round(sparsity * len(sizes))
    # kthvalue counts from 1; below every size nothing is pruned.
    return float(sizes.kthvalue(count).values) if count else -1.0


def prune_sparsity(network: nn.Module, params: SparsityParams) -> nn.Module:
    weights = chosen_weights(network, params.layers)
    if params.scope == "global":
        everything = threshold_for([tensor for tensors in weights.values() for tensor in tensors], params.sparsity)
        thresholds = dict.fromkeys(weights, everything)
    else:
        thresholds = {name: threshold_for(tensors, params.sparsity) for name, tensors in weights.items()}
    prune_below(weights, thresholds)
    return network


def prune_threshold(network: nn.Module, params: ThresholdParams) -> nn.Module:
    weights = chosen_weights(network, params.layers)
    prune_below(weights, dict.fromkeys(weights, params.threshold))
    return network


def hold_zeros(network: nn.Module) -> list[AfterStep]:
    """What is 0 now is set to 0 again after each step of the optimiser."""
    zeros = [(tensor, tensor == 0) for tensors in layer_weights(network).values() for tensor in tensors]

    def again() -> None:
        for tensor, mask in zeros:
            tensor.masked_fill_(mask, 0.0)

    return [again]


def _rehearse(layers: tuple[str, ...]) -> Callable[[nn.Module, Around], nn.Module]:
    def rehearse(network: nn.Module, around: Around) -> nn.Module:
        chosen_weights(network, layers)
        return network

    return rehearse


def _by_sparsity(params: SparsityParams) -> NetworkStep:
    def apply(network: nn.Module, around: Around) -> nn.Module:
        return prune_sparsity(network, params)

    return NetworkStep(apply, hold_zeros, _rehearse(params.layers), layer_sizes)


def _by_threshold(params: ThresholdParams) -> NetworkStep:
    def apply(network: nn.Module, around: Around) -> nn.Module:
        return prune_threshold(network, params)

    return NetworkStep(apply, hold_zeros, _rehearse(params.layers), layer_sizes)


ENTRIES = [
    CompressionEntry(
        name="magnitude-pruning", title="Magnitude pruning (share)", summary=f"The smallest weights become 0. {_SPEED}",
        source="Han et al. 2015, https://arxiv.org/abs/1506.02626", params=SparsityParams, traits=_TRAITS,
        label="{sparsity:.0%} zeros", strength="sparsity",
        strengths=(0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95), build=_by_sparsity,
    ),
    CompressionEntry(
        name="threshold-pruning", title="Magnitude pruning (threshold)",
        summary=f"Weights up to a threshold become 0. {_SPEED}",
        source="Han et al. 2015, https://arxiv.org/abs/1506.02626", params=ThresholdParams, traits=_TRAITS,
        label="zeros up to {threshold:g}", strength="threshold", build=_by_threshold,
    ),
]
