"""Attention rollout: which patches a vision transformer's class token has drawn from, through all its layers."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


def has_class_token(network: nn.Module) -> bool:
    """Whether it is a transformer over patches with a class token in front: what rollout is made for."""
    return bool(_layers(network)) and _patches(network) is not None


@torch.no_grad()
def rollout(network: nn.Module, inputs: Tensor) -> Tensor | None:
    """Heat [B,h,w] of the patches; None where the tokens are not a class token and the patches in rows.

    The product over layers of (A + I) / 2, A the mean attention over heads, in the class token's row: Abnar and
    Zuidema 2020, https://arxiv.org/abs/2005.00928. The same for every class. Inputs normalised [B,C,H,W].
    """
    layers, patches = _layers(network), _patches(network)
    if not layers or patches is None:
        return None
    given: list[tuple[nn.MultiheadAttention, Tensor]] = []
    grid: list[tuple[int, int]] = []

    def keep(module: nn.Module, inputs: Any, named: Any) -> None:
        assert isinstance(module, nn.MultiheadAttention)
        given.append((module, inputs[0] if inputs else named["query"]))

    def measure(module: nn.Module, inputs: Any, output: Tensor) -> None:
        grid.append((int(output.shape[2]), int(output.shape[3])))

    handles = [layer.register_forward_pre_hook(keep, with_kwargs=True) for layer in layers]
    handles.append(patches.register_forward_hook(measure))
    try:
        network(inputs)
    finally:
        for handle in handles:
            handle.remove()
    flow: Tensor | None = None
    for layer, tokens in given:
        here = (_attention(layer, tokens) + torch.eye(tokens.shape[1], device=tokens.device)) / 2
        flow = here if flow is None else here @ flow
    rows, columns = grid[0]
    if flow is None or flow.shape[1] != 1 + rows * columns:
        return None
    return flow[:, 0, 1:].reshape(-1, rows, columns)


def _layers(network: nn.Module) -> list[nn.MultiheadAttention]:
    return [
        module for module in network.modules() if isinstance(module, nn.MultiheadAttention) and module.batch_first
    ]


def _patches(network: nn.Module) -> nn.Conv2d | None:
    """The convolution that cuts the image into patches."""
    found = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    return found[0] if len(found) == 1 and found[0].kernel_size == found[0].stride else None


def _attention(layer: nn.MultiheadAttention, tokens: Tensor) -> Tensor:
    """Shares [B,N,N] that each token draws from each, the mean over heads; tokens [B,N,D] as the layer gets them."""
    batch, count, width = tokens.shape
    projected = nn.functional.linear(tokens, layer.in_proj_weight, layer.in_proj_bias)
    queries, keys, _ = projected.chunk(3, dim=2)
    shape = (batch, count, layer.num_heads, width // layer.num_heads)
    queries, keys = queries.view(shape).transpose(1, 2), keys.view(shape).transpose(1, 2)
    scores = queries @ keys.transpose(2, 3) / math.sqrt(shape[3])
    return scores.softmax(dim=3).mean(dim=1)
