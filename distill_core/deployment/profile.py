"""Counts what a network is made of: parameters, multiplications, bytes and the shapes inside it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Profile:
    """`macs`: multiply-accumulate operations of one sample in convolutions, linear layers, matrix products and
    attention (activations, pooling and normalisation are not counted); `size_bytes`: the safetensors file of the
    float32 weights and buffers."""

    parameters: int
    macs: int
    size_bytes: int


def profile(model: nn.Module, *, shape: tuple[int, int, int]) -> Profile:
    """Profile one sample of `shape` (C,H,W); `parameters` are the trainable ones, each once however often shared.

    Runs a copy without numbers in evaluation mode: the model's mode, buffers and device stay as they are. A network
    that was frozen altogether, as teachers are, counts as if it were to be trained.
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        _shapes_only(model)(torch.zeros(1, *shape, device="meta"))
    parameters = list(model.parameters())
    trainable = [parameter for parameter in parameters if parameter.requires_grad] or parameters
    return Profile(
        parameters=sum(parameter.numel() for parameter in trainable),
        # The counter knows a multiplication and an addition as two operations.
        macs=counter.get_total_flops() // 2,
        size_bytes=len(safetensors.torch.save(_stored(model))),
    )


def taps(model: nn.Module, *, shape: tuple[int, int, int]) -> list[tuple[str, tuple[int, ...]]]:
    """Named inner modules in the order they run, each with the shape of its output for one sample.

    Modules that give several tensors (recurrent layers) are known by the first; a module that runs twice, by its first
    run. The network itself is left out.
    """
    network = _shapes_only(model)
    found: dict[str, tuple[int, ...]] = {}

    def watch(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            first = output[0] if isinstance(output, (tuple, list)) and output else output
            if isinstance(first, Tensor) and first.ndim > 0:
                found.setdefault(name, tuple(first.shape[1:]))

        return hook

    for name, module in network.named_modules():
        if name:
            module.register_forward_hook(watch(name))
    with torch.no_grad():
        network(torch.zeros(1, *shape, device="meta"))
    return list(found.items())


def _shapes_only(model: nn.Module) -> nn.Module:
    """A copy on the device "meta", which computes shapes alone.

    It costs next to nothing, and recurrent and attention layers run there as plain matrix products: their fused
    kernels on the CPU are unknown to the counter and would count as nothing.
    """
    return copy.deepcopy(model).to("meta").eval()


def _stored(model: nn.Module) -> dict[str, Tensor]:
    """The state dict in float32 on the CPU, each shared tensor once, as safetensors stores it."""
    seen: set[tuple[int, tuple[int, ...]]] = set()
    result = {}
    for name, tensor in model.state_dict().items():
        place = tensor.data_ptr(), tuple(tensor.shape)
        if tensor.numel() and place in seen:
            continue
        seen.add(place)
        stored = tensor.detach().cpu().contiguous()
        result[name] = stored.float() if stored.is_floating_point() else stored
    return result
