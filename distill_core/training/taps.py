"""Reads inner layers of networks: which taps there are, with shapes, and what passes them in a forward pass."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.datasets.samples import example_inputs
from distill_core.losses.term import TapParams, TapShapes
from distill_core.signature import Signature

DEEPEST = 3
"""Names of more parts (layer1.0.conv1 has as many) are inner works of a block, and too many to choose from."""
Shape = tuple[int, ...]


class UnknownTap(ValueError):
    """A tap that a network (`whose`: student or teacher) does not have; `known` are those it has."""

    def __init__(self, whose: str, wanted: str, known: Sequence[str]) -> None:
        self.whose, self.wanted, self.known = whose, wanted, tuple(known)
        super().__init__(f"the {whose} has no layer {wanted!r}; it has {', '.join(known) or 'none to read'}")


def list_taps(network: nn.Module, signature: Signature) -> dict[str, Shape]:
    """Every tap in running order with the shape of one sample; the network's own answer is none of them.

    A layer that runs several times counts where it runs last, which is what TapReader keeps. Runs a copy on the device
    "meta", which computes shapes alone.
    """
    outputs: dict[str, Tensor] = {}
    model = copy.deepcopy(network).to("meta").eval()

    def note(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            found = _tensor_of(output)
            outputs.pop(name, None)
            if found is not None and found.dim() >= 2 and found.shape[0] == 2:
                outputs[name] = found

        return hook

    for name, module in model.named_modules():
        if name and name.count(".") < DEEPEST and not isinstance(module, nn.Dropout):
            module.register_forward_hook(note(name))
    with torch.no_grad():
        answer = model(example_inputs(signature, device="meta"))
    # A head in a block of its own gives the answer under two names; what only reshapes it gives it under none.
    inner = {name: found for name, found in outputs.items() if found is not answer}
    shapes = {name: tuple(int(size) for size in found.shape[1:]) for name, found in inner.items()}
    last = next(reversed(shapes), "")
    if len(inner) == len(outputs) and shapes.get(last) == signature.answer_shape:
        del shapes[last]
    # Classes of which only the sides of length one are still to be taken away are the answer too.
    while shapes and _with_sides_of_one(shapes[last := next(reversed(shapes))], signature.answer_shape):
        del shapes[last]
    return shapes


def _with_sides_of_one(shape: Shape, answer: Shape) -> bool:
    """Whether a shape is the answer's with further sides of length one."""
    return len(shape) > len(answer) and shape == answer + (1,) * (len(shape) - len(answer))


def chosen_taps(
    params: TapParams, traits: Collection[str], student: Mapping[str, Shape], teacher: Mapping[str, Shape]
) -> tuple[str, str]:
    """The names of a term's two taps, those left open filled in. Raises UnknownTap."""
    return (
        _chosen(params.student_tap, traits, student, "student"),
        _chosen(params.teacher_tap, traits, teacher, "teacher"),
    )


def shapes_of(names: tuple[str, str], student: Mapping[str, Shape], teacher: Mapping[str, Shape]) -> TapShapes:
    return TapShapes(student=student[names[0]], teacher=teacher[names[1]])


def _chosen(wanted: str, traits: Collection[str], taps: Mapping[str, Shape], whose: str) -> str:
    if wanted:
        if wanted not in taps:
            raise UnknownTap(whose, wanted, list(taps))
        return wanted
    # A map term wants space or steps; an embedding is what the last layer before the answer gives.
    found = [name for name, shape in taps.items() if len(shape) >= 2 and max(shape[1:]) > 1] if "map" in traits else []
    found = found or list(taps)
    if not found:
        raise UnknownTap(whose, "", [])
    return found[-1]


class TapReader:
    """Keeps what passes the named layers of one network while it is open."""

    def __init__(self, network: nn.Module, names: Collection[str]) -> None:
        self._modules = {name: network.get_submodule(name) for name in names}

    @contextmanager
    def reading(self) -> Iterator[dict[str, Tensor]]:
        """Inside, a forward pass fills the mapping given: name -> [B,*shape]."""
        seen: dict[str, Tensor] = {}
        handles = [module.register_forward_hook(_keep(name, seen)) for name, module in self._modules.items()]
        try:
            yield seen
        finally:
            for handle in handles:
                handle.remove()


def _keep(name: str, seen: dict[str, Tensor]) -> Any:
    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        found = _tensor_of(output)
        if found is not None:
            # A copy: a layer that works in place, such as most ReLUs, would overwrite what it is given.
            seen[name] = found.clone()

    return hook


def _tensor_of(output: Any) -> Tensor | None:
    """A layer's output; recurrent layers give their steps first and their last state second."""
    if isinstance(output, tuple) and output:
        output = output[0]
    return output if isinstance(output, Tensor) else None
