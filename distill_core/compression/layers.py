"""The weights of a network layer by layer, as pruning and rounding see them."""

from __future__ import annotations

import torch
from torch import nn

from distill_core.compression_step import CompressionRefused


def layer_weights(network: nn.Module) -> dict[str, list[nn.Parameter]]:
    """The weight matrices and kernels of each layer by the layer's name; biases and normalisation are not among them.

    A recurrent layer has several; an embedding's rows are weights, too.
    """
    found: dict[str, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        layer, _, own = name.rpartition(".")
        if "weight" in own and parameter.dim() >= 2:
            found.setdefault(layer, []).append(parameter)
    return found


def chosen_weights(network: nn.Module, layers: tuple[str, ...]) -> dict[str, list[nn.Parameter]]:
    """Those of the layers named, or of all if none is. Raises CompressionRefused for a layer that is not there."""
    everything = layer_weights(network)
    if unknown := [name for name in layers if name not in everything]:
        raise CompressionRefused(
            f"The network has no layer {unknown[0][:60]!r} with weights; it has {', '.join(list(everything)[:12])}. "
            "Choose among them, or name none for all."
        )
    return {name: everything[name] for name in layers} if layers else everything


@torch.no_grad()
def count_zeros(network: nn.Module) -> dict[str, tuple[int, int]]:
    """Of each layer: how many weights it has, and how many of them are exactly 0."""
    return {
        name: (sum(one.numel() for one in weights), sum(int((one == 0).sum()) for one in weights))
        for name, weights in layer_weights(network).items()
    }
