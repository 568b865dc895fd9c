"""Grad-CAM: which places of a network's last large map speak for its answer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from distill_core.signature import Signature
from distill_core.training.taps import list_taps

LEAST_SIDE = 4
"""Of a map in places: smaller ones, as at the end of small networks, show nothing of where."""


def map_layer(network: nn.Module, signature: Signature) -> tuple[str, tuple[int, int]] | None:
    """The deepest layer with a map [C,h,w] of a useful size, and h and w; None for a network without convolutions."""
    if not any(isinstance(module, nn.Conv2d) and module.kernel_size != module.stride for module in network.modules()):
        return None
    shapes = list_taps(network, signature)
    found = [
        (name, (shape[1], shape[2])) for name, shape in shapes.items()
        if len(shape) == 3 and min(shape[1:]) >= LEAST_SIDE
    ]
    return found[-1] if found else None


def grad_cam(network: nn.Module, layer: str, inputs: Tensor, classes: Tensor) -> Tensor:
    """Heat [B,h,w] from 0 on of the layer's map for each input's class.

    ReLU(sum_c w_c A_c), w_c the mean over places of d y / d A_c for the class's logit y: Selvaraju et al. 2017, eq. 1
    and 2, https://arxiv.org/abs/1610.02391. Inputs normalised [B,C,H,W], classes int64 [B]; the network in eval mode.
    """
    seen: list[Tensor] = []

    def keep(module: nn.Module, given: Any, output: Tensor) -> Tensor:
        seen.append(output)
        # What follows gets a copy, for layers that work in place would overwrite what is differentiated by.
        return output.clone()

    handle = network.get_submodule(layer).register_forward_hook(keep)
    try:
        with torch.enable_grad():
            # Asked of the inputs as well, so that frozen networks have gradients too.
            answers = network(inputs.detach().clone().requires_grad_())
            spoken = answers.gather(1, classes[:, None]).sum()
            # A layer that runs several times counts where it runs last.
            (slope,) = torch.autograd.grad(spoken, seen[-1])
    finally:
        handle.remove()
    weights = slope.mean(dim=(2, 3), keepdim=True)
    return (weights * seen[-1]).sum(1).relu().detach()
