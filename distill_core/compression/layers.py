"""The weights of a network layer by layer, as pruning and rounding see them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from distill_core.compression_step import Around, CompressionRefused


def layer_weights(network: nn.Module) -> dict[str, list[nn.Parameter]]:
    """The weight matrices and kernels of each layer by the layer's name; biases and normalisation are not among them.

    A recurrent layer has several; an embedding's rows are weights, too. Of a layer that is seen through a
    parametrization they are those behind it.
    """
    found: dict[str, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        layer, _, own = name.removesuffix(".original").replace("parametrizations.", "").rpartition(".")
        if "weight" in own and parameter.dim() >= 2:
            found.setdefault(layer, []).append(parameter)
    return found


def unknown_layer(name: str, known: Sequence[str]) -> CompressionRefused:
    """What a step says that is told to change a layer which it cannot."""
    more = f" and {len(known) - 12} more" if len(known) > 12 else ""
    return CompressionRefused(
        f"There is no layer {name[:60]!r} that this step can change; there is {', '.join(known[:12]) or 'none'}{more}. "
        "Choose among them, or name none for all."
    )


def layer_sizes(network: nn.Module, around: Around) -> dict[str, int]:
    """How many weights each layer has."""
    return {name: sum(one.numel() for one in weights) for name, weights in layer_weights(network).items()}


def chosen_weights(network: nn.Module, layers: tuple[str, ...]) -> dict[str, list[nn.Parameter]]:
    """Those of the layers named, or of all if none is. Raises CompressionRefused for a layer that is not there."""
    everything = layer_weights(network)
    if unknown := [name for name in layers if name not in everything]:
        raise unknown_layer(unknown[0], list(everything))
    return {name: everything[name] for name in layers} if layers else everything


@torch.no_grad()
def count_zeros(network: nn.Module) -> dict[str, tuple[int, int]]:
    """Of each layer: how many weights it has, and how many of them are exactly 0."""
    return {
        name: (sum(one.numel() for one in weights), sum(int((one == 0).sum()) for one in weights))
        for name, weights in layer_weights(network).items()
    }
