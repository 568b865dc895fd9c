"""Counts what a network is made of: parameters, multiplications and bytes."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from distill_core.datasets.samples import example_inputs
from distill_core.signature import Signature


@dataclass(frozen=True)
class Profile:
    """`macs`: multiply-accumulate operations of one sample in convolutions, linear layers, matrix products and
    attention (activations, pooling and normalisation are not counted); `size_bytes`: the safetensors file of the
    float32 weights and buffers."""

    parameters: int
    macs: int
    size_bytes: int


def profile(model: nn.Module, *, signature: Signature) -> Profile:
    """Profile one sample of the signature's shape; `parameters` are the trainable ones, each once however often shared.

    Runs a copy without numbers in evaluation mode: the model's mode, buffers and device stay as they are. A network
    that was frozen altogether, as teachers are, counts as if it were to be trained.
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        _shapes_only(model)(example_inputs(signature, 1, device="meta"))
    parameters = list(model.parameters())
    trainable = [parameter for parameter in parameters if parameter.requires_grad] or parameters
    return Profile(
        parameters=sum(parameter.numel() for parameter in trainable),
        # The counter knows a multiplication and an addition as two operations.
        macs=counter.get_total_flops() // 2,
        size_bytes=len(safetensors.torch.save(_stored(model))),
    )


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
