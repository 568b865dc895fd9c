"""Gives a network the shapes of a state dict: how one whose channels or units were cut is built again."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def reshape_to(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Replace, in place, every parameter and buffer whose shape differs from the state's, and set the sizes that layers
    keep beside them. Values are not copied: load the state afterwards.

    A convolution whose groups were its channels (depthwise) has them again.
    """
    for name, module in network.named_modules():
        prefix = f"{name}." if name else ""
        before = dict(module.named_parameters(recurse=False))
        changed = False
        for own, value in [*before.items(), *module.named_buffers(recurse=False)]:
            wanted = state.get(prefix + own)
            if wanted is not None and wanted.shape != value.shape:
                fresh = torch.empty(wanted.shape, dtype=value.dtype, device=value.device)
                setattr(module, own, nn.Parameter(fresh) if own in before else fresh)
                changed = True
        if changed:
            _set_sizes(module, depthwise=isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1)


def _set_sizes(module: nn.Module, *, depthwise: bool) -> None:
    if isinstance(module, nn.Conv2d):
        module.out_channels = int(module.weight.shape[0])
        module.groups = module.out_channels if depthwise else module.groups
        module.in_channels = int(module.weight.shape[1]) * module.groups
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = (int(size) for size in module.weight.shape)
    elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        module.num_features = len(module.weight)
    elif isinstance(module, nn.LayerNorm):
        module.normalized_shape = tuple(module.weight.shape)
    elif isinstance(module, nn.LSTM | nn.GRU):
        sizes = {name: value.shape for name, value in module.named_parameters(recurse=False)}
        module.input_size, module.hidden_size = int(sizes["weight_ih_l0"][1]), int(sizes["weight_hh_l0"][1])
        module.flatten_parameters()
