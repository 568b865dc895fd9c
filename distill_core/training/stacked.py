"""What several networks of one architecture compute for one batch, as a single value that layers take for a tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import resolve_name


class Unstackable(Exception):
    """A network does something that cannot be done for several at once; `what` names it in a few words."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(what)


class Stacked:
    """S tensors of one shape [B,...], in one of three ways to lie: `held` is the tensor that has all of them.

    `shared`: [B,...], the same for all S. `channels`: [B,S*C,...], so that convolutions are grouped convolutions, batch
    normalisation is one over more channels, and pooling does not notice. `front`: [S,B,...], for matrix products.
    torch's functions find `__torch_function__` here; what is not among the rules raises Unstackable.
    """

    __slots__ = ("count", "held", "lies")

    def __init__(self, held: Tensor, count: int, lies: str) -> None:
        self.held, self.count, self.lies = held, count, lies

    @property
    def shape(self) -> torch.Size:
        """Of one of the S tensors."""
        sizes = list(self.held.shape)
        if self.lies == "front":
            return torch.Size(sizes[1:])
        if self.lies == "channels":
            sizes[1] //= self.count
        return torch.Size(sizes)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> torch.dtype:
        return self.held.dtype

    @property
    def device(self) -> torch.device:
        return self.held.device

    def dim(self) -> int:
        return len(self.shape)

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    def front(self) -> Tensor:
        """[S,B,...], a view where there is one."""
        if self.lies == "front":
            return self.held
        if self.lies == "shared":
            return self.held.unsqueeze(0).expand(self.count, *self.held.shape)
        return self.held.unflatten(1, (self.count, -1)).transpose(0, 1)

    def channels(self) -> Tensor:
        """[B,S*C,...]; maps with the channels last in memory on a processor, where that is several times as fast."""
        if self.lies == "channels":
            return self.held
        return _channels_last(self.front().transpose(0, 1).flatten(1, 2))

    def lying(self, held: Tensor) -> Stacked:
        """Another value that lies as this one."""
        return Stacked(held, self.count, self.lies)

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        rule = RULES.get(func)
        if rule is None:
            name = resolve_name(func) or getattr(func, "__name__", "")
            raise Unstackable(name.rpartition(".")[2] or "an operation without a name")
        return rule(*args, **(kwargs or {}))

    def __add__(self, other: Any) -> Stacked:
        return _both(torch.add, self, other)

    __radd__ = __add__

    def __mul__(self, other: Any) -> Stacked:
        return _both(torch.mul, self, other)

    __rmul__ = __mul__

    def __sub__(self, other: Any) -> Stacked:
        return _both(torch.sub, self, other)

    def __truediv__(self, other: Any) -> Stacked:
        return _both(torch.div, self, other)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Stacked:
        first, last = _place(self, start_dim), _place(self, end_dim)
        if first == 1 and last == self.dim() - 1 and self.lies != "front":
            return self.lying(self.held.flatten(1))
        return Stacked(self.front().flatten(first + 1, last + 1), self.count, "front")

    def unflatten(self, dim: int, sizes: Sequence[int]) -> Stacked:
        return Stacked(self.front().unflatten(_place(self, dim) + 1, sizes), self.count, "front")

    def transpose(self, first: int, second: int) -> Stacked:
        held = self.front().transpose(_place(self, first) + 1, _place(self, second) + 1)
        return Stacked(held, self.count, "front")

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Stacked, ...]:
        parts = self.front().chunk(chunks, _place(self, dim) + 1)
        return tuple(Stacked(part, self.count, "front") for part in parts)

    def mean(self, dim: int | Sequence[int], keepdim: bool = False) -> Stacked:
        places = [_place(self, one) for one in ([dim] if isinstance(dim, int) else dim)]
        if self.lies != "front" and min(places) > 1:
            return self.lying(self.held.mean(places, keepdim))
        return Stacked(self.front().mean([place + 1 for place in places], keepdim), self.count, "front")


def _channels_last(maps: Tensor) -> Tensor:
    """Maps [B,C,H,W] with the channels last in memory, where the processor computes; others as they are.

    Strides tell the kernels: of a single channel, `contiguous` would leave those of the usual order.
    """
    if maps.dim() != 4 or maps.device.type != "cpu" or maps.stride(1) == 1:
        return maps
    return torch.empty_like(maps, memory_format=torch.channels_last).copy_(maps)


def _place(value: Stacked, dim: int) -> int:
    """A dimension counted from 0. The batch's own stays where it is: a network that moves it means something else."""
    place = dim + value.dim() if dim < 0 else dim
    if place == 0:
        raise Unstackable("a layer that takes the samples of a batch for something else")
    return place


def _both(function: Callable[..., Tensor], first: Any, second: Any, **more: Any) -> Stacked:
    """Number by number of two values, or of a value and a plain number."""
    if not isinstance(first, Stacked):
        raise Unstackable("arithmetic with a tensor that is no layer's answer")
    if isinstance(second, (int, float)):
        return first.lying(function(first.held, second, **more))
    if not isinstance(second, Stacked):
        raise Unstackable("arithmetic with a tensor that is no layer's answer")
    if first.lies == second.lies and first.dim() == second.dim():
        return first.lying(function(first.held, second.held, **more))
    if first.shape != second.shape:
        raise Unstackable("arithmetic with layers of different shapes")
    if "channels" in (first.lies, second.lies):
        return Stacked(function(first.channels(), second.channels(), **more), first.count, "channels")
    return Stacked(function(first.front(), second.front(), **more), first.count, "front")


def _each(function: Callable[..., Tensor]) -> Callable[..., Stacked]:
    """Functions of single numbers: how they lie does not matter."""

    def rule(input: Stacked, *args: Any, **kwargs: Any) -> Stacked:
        return input.lying(function(input.held, *args, **kwargs))

    return rule


def _each_map(function: Callable[..., Any]) -> Callable[..., Stacked]:
    """Functions of each channel's map alone."""

    def rule(input: Stacked, *args: Any, **kwargs: Any) -> Stacked:
        if kwargs.get("return_indices"):
            raise Unstackable("pooling that tells places")
        if input.lies == "shared":
            return input.lying(function(input.held, *args, **kwargs))
        return Stacked(function(input.channels(), *args, **kwargs), input.count, "channels")

    return rule


def _convolution(function: Callable[..., Tensor]) -> Callable[..., Stacked]:
    def rule(
        input: Stacked, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1,
    ) -> Stacked:
        weights, biases = weight.flatten(0, 1), None if bias is None else bias.flatten()
        if input.lies == "shared" and groups == 1:
            # All read the same: one convolution with the outputs of all.
            held = _channels_last(input.held)
        else:
            held, groups = input.channels(), groups * input.count
        return Stacked(function(held, weights, biases, stride, padding, dilation, groups), input.count, "channels")

    return rule


def _linear(input: Stacked, weight: Tensor, bias: Tensor | None = None) -> Stacked:
    if input.lies == "shared" and input.dim() == 2:
        biases = None if bias is None else bias.flatten()
        return Stacked(F.linear(input.held, weight.flatten(0, 1), biases), input.count, "channels")
    held = input.front()
    flat = held.flatten(1, -2)
    if bias is None:
        answers = torch.bmm(flat, weight.transpose(1, 2))
    else:
        answers = torch.baddbmm(bias.unsqueeze(1), flat, weight.transpose(1, 2))
    return Stacked(answers.unflatten(1, held.shape[1:-1]), input.count, "front")


def _batch_norm(
    input: Stacked, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
    bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Stacked:
    # Views of the stacked statistics, which are updated in place as a single network's are.
    mean, var, weights, biases = (
        None if one is None else one.view(-1) for one in (running_mean, running_var, weight, bias)
    )
    held = F.batch_norm(input.channels(), mean, var, weights, biases, training, momentum, eps)
    return Stacked(held, input.count, "channels")


def _dropout(input: Stacked, p: float = 0.5, training: bool = True, inplace: bool = False) -> Stacked:
    """Rivals of a seed drop the same: one draw, in the order in which a single network would draw."""
    if not training or p == 0.0:
        return input
    ones = torch.ones(input.shape, dtype=input.dtype, device=input.device)
    if input.dim() == 4 and input.held.dim() == 4 and input.held.is_contiguous(memory_format=torch.channels_last):
        ones = ones.contiguous(memory_format=torch.channels_last)
    kept = Stacked(F.dropout(ones, p, True), input.count, "shared")
    return _both(torch.mul, input, kept)


def _cat(tensors: Sequence[Stacked], dim: int = 0) -> Stacked:
    if not all(isinstance(one, Stacked) for one in tensors):
        raise Unstackable("layers joined with a tensor that is no layer's answer")
    held = torch.cat([one.front() for one in tensors], _place(tensors[0], dim) + 1)
    return Stacked(held, tensors[0].count, "front")


def _pad(input: Stacked, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Stacked:
    if len(pad) // 2 > input.dim() - 2:
        raise Unstackable("padding of channels or samples")
    return _each_map(F.pad)(input, pad, mode, value)


def _flatten(input: Stacked, start_dim: int = 0, end_dim: int = -1) -> Stacked:
    return input.flatten(start_dim, end_dim)


def _mean(input: Stacked, dim: Any = None, keepdim: bool = False) -> Stacked:
    if dim is None:
        raise Unstackable("a mean over samples")
    return input.mean(dim, keepdim)


RULES: dict[Callable[..., Any], Callable[..., Any]] = {
    **{
        one: _each(one)
        for one in (
            F.relu, F.relu6, F.gelu, F.silu, F.mish, F.hardswish, F.hardsigmoid, F.hardtanh, F.leaky_relu, F.elu,
            F.selu, F.softplus, F.sigmoid, F.tanh, torch.relu, torch.relu_, torch.sigmoid, torch.tanh,
        )
    },
    **{
        one: _each_map(one)
        for one in (
            F.max_pool2d, F.avg_pool2d, F.adaptive_avg_pool2d, F.adaptive_max_pool2d, F.max_pool1d, F.avg_pool1d,
            F.adaptive_avg_pool1d,
        )
    },
    F.conv2d: _convolution(F.conv2d),
    F.conv1d: _convolution(F.conv1d),
    F.linear: _linear,
    F.batch_norm: _batch_norm,
    F.dropout: _dropout,
    F.pad: _pad,
    torch.cat: _cat,
    torch.flatten: _flatten,
    torch.mean: _mean,
    torch.add: lambda first, second, **more: _both(torch.add, first, second, **more),
    torch.mul: lambda first, second, **more: _both(torch.mul, first, second, **more),
}
