"""Layers that look at the whole batch, while each process passes its share alone: batch norm and dropout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from distill_core.training.team import Team

if TYPE_CHECKING:
    from torchvision.ops import StochasticDepth

Bounds = Sequence[tuple[int, int]]
_DROPPING = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


@dataclass(frozen=True)
class Share:
    """One process's part of a batch of bounds[-1][1] samples."""

    team: Team
    bounds: Bounds

    @property
    def count(self) -> int:
        return self.bounds[-1][1]

    @property
    def own(self) -> slice:
        return slice(*self.bounds[self.team.rank])


@contextmanager
def over_whole_batches(network: nn.Module, share: Share) -> Iterator[None]:
    """Inside, a training pass of a share does what a pass of the whole batch would do to these samples.

    Batch norm uses, and remembers, the mean and variance of the whole batch; dropout draws its noise for the whole
    batch, from torch's default generator as ever, and keeps its own part. Noise that `draws_alone` finds stays apart.
    """
    changed = []
    for module in network.modules():
        forward = _shared_forward(module, share)
        if forward is not None:
            # On the instance, where `nn.Module.__call__` looks first.
            module.forward = forward
            changed.append(module)
    try:
        yield
    finally:
        for module in changed:
            del module.forward


def draws_alone(network: nn.Module) -> bool:
    """Whether a layer draws noise in a way that cannot be done for the whole batch: then only the distribution is
    that of one process, and each process must draw numbers of its own."""
    return any(
        (isinstance(module, nn.RNNBase) and module.dropout > 0 and module.num_layers > 1)
        or (isinstance(module, nn.MultiheadAttention) and module.dropout > 0)
        or isinstance(module, nn.AlphaDropout | nn.FeatureAlphaDropout | nn.RReLU)
        for module in network.modules()
    )


def _shared_forward(module: nn.Module, share: Share) -> Callable[[Tensor], Tensor] | None:
    if isinstance(module, _BatchNorm):
        return partial(_batch_norm, module, share)
    if isinstance(module, _DROPPING) and module.p > 0:
        return partial(_dropped, module, share)
    if _is_stochastic_depth(module) and module.p > 0 and module.mode == "row":
        return partial(_dropped_rows, module, share)
    return None


def _is_stochastic_depth(module: nn.Module) -> TypeGuard[StochasticDepth]:
    """torchvision's layer; where nobody has loaded torchvision there is none."""
    torchvision = sys.modules.get("torchvision")
    return torchvision is not None and isinstance(module, torchvision.ops.StochasticDepth)


def _dropped(module: nn.Module, share: Share, inputs: Tensor) -> Tensor:
    """What dropout makes of ones is its mask, and drawn as it would be for the whole batch."""
    whole = inputs.new_ones((share.count, *inputs.shape[1:]))
    if inputs.dim() == 4 and not inputs.is_contiguous() and inputs.is_contiguous(memory_format=torch.channels_last):
        # Numbers are drawn in the order in which the memory lies.
        whole = whole.contiguous(memory_format=torch.channels_last)
    return inputs * type(module).forward(module, whole)[share.own]


def _dropped_rows(module: StochasticDepth, share: Share, inputs: Tensor) -> Tensor:
    ones = inputs.new_ones((share.count, *(1 for _ in inputs.shape[1:])))
    return inputs * type(module).forward(module, ones)[share.own]


def _batch_norm(module: _BatchNorm, share: Share, inputs: Tensor) -> Tensor:
    """As torch's module does it, in training mode."""
    answers, mean, variance = _Normalised.apply(inputs, module.weight, module.bias, module.eps, share)
    if module.track_running_stats and module.running_mean is not None and module.running_var is not None:
        with torch.no_grad():
            number = module.num_batches_tracked
            assert number is not None
            number += 1
            factor = 1.0 / float(number) if module.momentum is None else module.momentum
            values = share.count * inputs[0, 0].numel()
            module.running_mean.lerp_(mean, factor)
            # torch remembers the unbiased estimate and normalises by the biased one.
            module.running_var.lerp_(variance * (values / max(values - 1, 1)), factor)
    return answers


class _Normalised(torch.autograd.Function):
    """(x - mean) / sqrt(variance + eps) * weight + bias, with mean and variance of every process's x together.

    torch's SyncBatchNorm does the same, on GPUs alone. Means and sums of squares are put together as Chan, Golub and
    LeVeque 1979 do, which loses no digits where a mean is large.
    """

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, share: Share
    ) -> tuple[Tensor, Tensor, Tensor]:
        dims = [dim for dim in range(inputs.dim()) if dim != 1]
        shape = [-1 if dim == 1 else 1 for dim in range(inputs.dim())]
        own_mean = inputs.mean(dims)
        own_squares = (inputs - own_mean.view(shape)).square().sum(dims)
        all_means, all_squares = share.team.of_all(torch.stack([own_mean, own_squares])).unbind(1)
        places = inputs[0, 0].numel()
        counts = inputs.new_tensor([(end - begin) * places for begin, end in share.bounds])[:, None]
        total = share.count * places
        mean = (all_means * counts).sum(0) / total
        variance = (all_squares + counts * (all_means - mean).square()).sum(0) / total
        inverse = (variance + eps).rsqrt()
        normed = (inputs - mean.view(shape)) * inverse.view(shape)
        ctx.save_for_backward(normed, weight, inverse)
        ctx.share, ctx.dims, ctx.shape, ctx.total = share, dims, shape, total
        answers = normed if weight is None else normed * weight.view(shape)
        if bias is not None:
            answers = answers + bias.view(shape)
        ctx.mark_non_differentiable(mean, variance)
        # The answer must not be what is saved for the way back.
        return (answers.clone() if answers is normed else answers), mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        normed, weight, inverse = ctx.saved_tensors
        above, shape, total = gradients[0], ctx.shape, ctx.total
        of_bias, of_weight = above.sum(ctx.dims), (above * normed).sum(ctx.dims)
        all_bias, all_weight = ctx.share.team.sum_of_all(torch.stack([of_bias, of_weight])).unbind(0)
        centred = above - (all_bias / total).view(shape) - normed * (all_weight / total).view(shape)
        scale = inverse if weight is None else inverse * weight
        # Of weight and bias only the own part: the team adds up the gradients of all parameters.
        return (
            centred * scale.view(shape), None if weight is None else of_weight, None if weight is None else of_bias,
            None, None,
        )
