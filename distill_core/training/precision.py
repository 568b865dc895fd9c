"""What networks compute with while they train: 32-bit floats, or bfloat16 where that is safe."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor, nn

from distill_core.planned import Precision

LARGEST_HALF = 65504.0


def chosen_precision(
    wanted: Literal["auto", "float32", "bfloat16"], device: torch.device, *, processes: int = 1
) -> Precision:
    """What a spec's `precision` means here; auto is bfloat16 only where that is quicker, and one process trains."""
    if wanted != "auto":
        return wanted
    return "bfloat16" if processes == 1 and is_quick_in_bfloat16(device) else "float32"


def is_quick_in_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies matrices of bfloat16 by itself: GPUs since Ampere, processors with AMX."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    # AVX512-BF16 alone multiplies about as fast as 32-bit floats do; the rounding would buy nothing.
    return bool(torch.cpu.get_capabilities().get("amx_bf16", False))


def network_precision(wanted: Precision, network: nn.Module, device: torch.device) -> Precision:
    """What a network computes with: on GPUs autocast gives recurrent layers float16 whatever it is asked for.

    Small gradients are 0 there, so that such networks stay in 32 bits.
    """
    recurrent = device.type == "cuda" and any(isinstance(module, nn.RNNBase) for module in network.modules())
    return "float32" if recurrent else wanted


def computing(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Inside, convolutions and matrix products of a forward pass are computed so; weights and statistics stay float32.

    torch.autocast knows which operations are safe: sums, softmax and normalisation it leaves in 32 bits or lets them
    accumulate there.
    """
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def whole(answer: Tensor) -> Tensor:
    """What left a network, for the losses: in 32 bits at least. A float32 tensor is returned itself."""
    return answer.float() if answer.dtype in (torch.bfloat16, torch.float16) else answer


def as_half(logits: Tensor) -> Tensor:
    """The same logits as float16 can hold them, in float32: off by at most a 2048th part of each, beyond 6e-5."""
    return logits.float().clamp(-LARGEST_HALF, LARGEST_HALF).half().float()
