"""A CUDA device that is not there: tensors say cuda:0, the processor computes them, and mixing the two is an error.

What a processor forgives, a GPU does not: an operation on tensors of two devices, or numpy on one of its own. And each
number that Python reads from a GPU makes it wait: `Pretence.reads` counts them. Kernels, their speed, 16 bits and
memory are not pretended; for those there is `pytest -m gpu`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from distill_core.deployment import onnx_export

aten = torch.ops.aten
CUDA, CPU = torch.device("cuda", 0), torch.device("cpu")
# What torch itself is told in its place: autograd runs it in the same thread, and no driver is asked for.
TOLD = torch.device("meta", 1)
COPYING = {aten.copy_.default, aten._to_copy.default}
INDEXING = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default}


class MixedDevices(RuntimeError):
    """What CUDA refuses with "Expected all tensors to be on the same device"."""


class There(Tensor):
    """A tensor of the pretended device; `held` is the processor's that has its numbers."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> There:
        made: There = Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype, device=TOLD
        )
        made.held = held
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        raise AssertionError("used after the pretence has ended")

    device = property(lambda self: CUDA)
    is_cuda = property(lambda self: True)
    is_meta = property(lambda self: False)

    @property
    def data(self) -> Tensor:
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        assert isinstance(value, There)
        Tensor.data.__set__(self, value)  # type: ignore[attr-defined]
        self.held = value.held

    def tolist(self) -> Any:
        return self.cpu().tolist()


class Pretence:
    """How often Python has read a number from the device."""

    def __init__(self) -> None:
        self.reads = 0

    def computed(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """An operation's outcome, on the device if its tensors are there or it is asked to be."""
        flat, shape = tree_flatten((args, dict(kwargs)))
        there = any(isinstance(one, There) for one in flat)
        if there:
            _refuse_mixing(func, args, [one for one in flat if isinstance(one, Tensor)])
            self.reads += func in (aten._local_scalar_dense.default, aten.nonzero.default)
        asked = kwargs.get("device")
        target = there if asked is None else torch.device(asked) == TOLD
        if func is aten.copy_.default:
            target = isinstance(args[0], There)
        known: dict[int, Tensor] = {}

        def held(value: Any) -> Any:
            if isinstance(value, torch.device) and value == TOLD:
                return CPU
            if isinstance(value, Tensor):
                inside = value.held if isinstance(value, There) else value
                known[id(inside)] = value
                return inside
            return value

        def wrapped(value: Any) -> Any:
            if not isinstance(value, Tensor):
                return value
            return known.get(id(value)) if id(value) in known else There(value) if target else value

        args, kwargs = tree_unflatten([held(one) for one in flat], shape)
        return tree_map(wrapped, func(*args, **kwargs))


def _refuse_mixing(func: Any, args: tuple[Any, ...], tensors: list[Tensor]) -> None:
    """As CUDA does: single numbers and the indices of a gather may be the processor's; a copy is what goes between."""
    here = [one for one in tensors if not isinstance(one, There) and one.dim() > 0]
    if not here or func in COPYING:
        return
    if func in INDEXING and isinstance(args[0], There) and not any(one is value for one in here for value in args[2:3]):
        return
    told = ", ".join(f"{'there' if isinstance(one, There) else 'here'} {tuple(one.shape)}" for one in tensors)
    raise MixedDevices(f"{func}: {told}")


class _Operations(TorchDispatchMode):
    def __init__(self, pretence: Pretence) -> None:
        super().__init__()
        self._pretence = pretence

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self._pretence.computed(func, args, kwargs or {})


class _Calls(TorchFunctionMode):
    """Where cuda is asked for by name, torch is told the other, or it would look for a driver."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.device:
            return torch.device(*args, **(kwargs or {}))
        kwargs = {name: _told(value) for name, value in (kwargs or {}).items()}
        if func is Tensor.numpy and isinstance(args[0], There):
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        if func in (Tensor.__getitem__, Tensor.__setitem__) and isinstance(args[0], There):
            # torch makes a tensor of a list by itself, past all that is pretended.
            parts = args[1] if isinstance(args[1], tuple) else (args[1],)
            parts = tuple(
                There(torch.tensor(one) if one else torch.zeros(0, dtype=torch.long)) if isinstance(one, list) else one
                for one in parts
            )
            args = (args[0], parts, *args[2:])
        if func is torch.tensor and kwargs.get("device") == TOLD:
            return There(torch.tensor(*args, **{**kwargs, "device": CPU}))
        return func(*(_told(one) for one in args), **kwargs)


def _told(value: Any) -> Any:
    is_cuda = isinstance(value, torch.device | str) and str(value).startswith("cuda")
    return TOLD if is_cuda else value


@contextmanager
def pretended() -> Iterator[Pretence]:
    """Inside, there is one CUDA device. Networks are exported outside, from a copy that must be on the processor."""
    pretence = Pretence()
    parse, capture = torch._C._nn._parse_to, onnx_export._capture
    modes = ExitStack()
    with ExitStack() as inside:

        def replace(owner: Any, name: str, value: Any) -> None:
            inside.enter_context(patch.object(owner, name, value))

        def enter() -> None:
            modes.enter_context(_Operations(pretence))
            modes.enter_context(_Calls())

        def captured(model: Any, signature: Any) -> Any:
            assert not any(isinstance(one, There) for one in (*model.parameters(), *model.buffers()))
            modes.close()
            try:
                with patch.object(torch.cuda, "is_available", lambda: False):
                    return capture(model, signature)
            finally:
                enter()

        swaps = torch.__future__.get_swap_module_params_on_conversion()
        inside.callback(torch.__future__.set_swap_module_params_on_conversion, swaps)
        torch.__future__.set_swap_module_params_on_conversion(True)
        replace(torch.cuda, "is_available", lambda: True)
        replace(torch.cuda, "device_count", lambda: 1)
        replace(torch.cuda, "get_device_name", lambda device=None: "a pretended device")
        replace(torch.cuda, "get_device_capability", lambda device=None: (7, 5))
        replace(torch.cuda, "set_device", lambda device: None)
        replace(torch.cuda, "synchronize", lambda device=None: None)
        replace(torch.cuda, "manual_seed", torch.default_generator.manual_seed)
        replace(torch._C._nn, "_parse_to", _telling(parse))
        replace(torch.optim.Optimizer, "_accelerator_graph_capture_health_check", lambda self: None)
        replace(torch.backends.cudnn, "is_acceptable", lambda tensor: False)
        # A parameter that something refers to weakly cannot be swapped for one there.
        strong = SimpleNamespace(ref=lambda weight: lambda: weight, ReferenceType=weakref.ref)
        replace(nn.modules.rnn, "weakref", strong)
        replace(onnx_export, "_capture", captured)
        enter()
        inside.callback(modes.close)
        yield pretence


def _telling(parse: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: parse(*map(_told, args), **{name: _told(one) for name, one in kwargs.items()})
