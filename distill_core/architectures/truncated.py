"""A student cut from the teacher: its first child modules with a new last layer."""

from __future__ import annotations

import inspect
import math
from collections import OrderedDict
from collections.abc import Iterable

import torch
from pydantic import Field
from torch import Tensor, nn

from distill_core.architectures.pieces import Stretch, pieces
from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import PADDING, UNKNOWN, Signature


class TruncatedParams(Params):
    children: int = Field(
        5, ge=1, le=10_000, description="Child modules of the teacher that are kept, counted from its input."
    )


class MeanOverSteps(nn.Module):
    """Steps [B,L,D] -> [B,D]; a mask [B,L] is true where a step counts."""

    def forward(self, steps: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None or mask.shape[1] != steps.shape[1]:
            return steps.mean(1)
        counted = mask.unsqueeze(2).to(steps.dtype)
        return (steps * counted).sum(1) / counted.sum(1).clamp(min=1)


class Truncated(nn.Module):
    """Runs its children one after another; those that take a mask get the one of a text's padding."""

    def __init__(self, children: Iterable[tuple[str, nn.Module]], signature: Signature) -> None:
        super().__init__()
        self.reads_text = signature.kind == "text"
        self.masked: frozenset[str] = frozenset()
        for name, child in _gathered(children).items():
            self.add_module(name, child)

    def add_module(self, name: str, module: nn.Module | None) -> None:
        super().add_module(name, module)
        if module is not None and "mask" in inspect.signature(module.forward).parameters:
            self.masked |= {name}

    def forward(self, inputs: Tensor) -> Tensor:
        mask = inputs != PADDING if self.reads_text else None
        x = inputs
        for name, child in self.named_children():
            x = child(x, mask) if mask is not None and name in self.masked else child(x)
        return x


def build(params: TruncatedParams, signature: Signature) -> nn.Module:
    """[B,*shape] -> answers as the signature says; weights of the kept part are named as the teacher's.

    The new layers are `cut_pool` (the mean of a map or of steps), `cut_flatten` and `cut_head`.
    """
    if signature.teacher is None:
        raise ValueError("A truncated network is cut from another one, the teacher; choose another network here.")
    teacher = signature.teacher().eval()
    parts = list(pieces(teacher))
    most = len(parts) - 1
    if params.children > most:
        allowed = f"after 1 to {most} child modules" if most > 1 else "after its first child module only"
        raise ValueError(f"This teacher can be cut {allowed}; {params.children} is too many.")
    kept = parts[: params.children]
    network = Truncated(kept, signature)
    shape = _checked_shape(network, teacher, kept[-1][1], signature, params.children)
    for name, module in _ending(shape, signature, params.children).items():
        network.add_module(name, module)
    return network.train()


def _gathered(children: Iterable[tuple[str, nn.Module]]) -> dict[str, nn.Module]:
    """Modules by name, those of a Stretch under it again."""
    gathered: dict[str, nn.Module] = {}
    for path, module in children:
        name, _, inner = path.partition(".")
        if inner:
            stretch = gathered.setdefault(name, Stretch())
            stretch.add_module(inner, module)
        else:
            gathered[name] = module
    return gathered


def _checked_shape(
    network: nn.Module, teacher: nn.Module, last: nn.Module, signature: Signature, count: int
) -> tuple[int, ...]:
    """Of one sample behind the cut; ValueError unless the kept part computes what it does inside the teacher."""
    seen: list[object] = []

    def keep(module: nn.Module, inputs: object, output: object) -> None:
        # A copy, since the next layer may write over it.
        seen.append(output.clone() if isinstance(output, Tensor) else output)

    handle = last.register_forward_hook(keep)
    example = _example(signature)
    try:
        with torch.no_grad():
            teacher(example)
            inside = seen[:]
            alone = network.eval()(example)
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ValueError(
            f"The teacher's first {count} child modules do not run one after another, so it cannot be cut there."
        ) from error
    finally:
        handle.remove()
    if len(inside) != 1 or not isinstance(inside[0], Tensor) or not isinstance(alone, Tensor):
        raise ValueError(
            f"The teacher's child module {count} does not give one tensor once, so it cannot be cut there."
        )
    if inside[0].shape != alone.shape or not (alone.is_meta or torch.allclose(inside[0], alone, 1e-4, 1e-5, True)):
        raise ValueError(
            f"The teacher's first {count} child modules alone do not compute what they do inside it, "
            "so it cannot be cut there."
        )
    return tuple(alone.shape[1:])


def _example(signature: Signature) -> Tensor:
    """One sample without randomness; a text ends in padding."""
    if signature.kind == "text":
        tokens = torch.full((1, *signature.shape), UNKNOWN)
        tokens[:, (signature.shape[0] + 1) // 2 :] = PADDING
        return tokens
    return torch.linspace(-1, 1, math.prod(signature.shape)).reshape(1, *signature.shape)


def _ending(shape: tuple[int, ...], signature: Signature, count: int) -> OrderedDict[str, nn.Module]:
    """From what stands behind the cut to answers."""
    ending: OrderedDict[str, nn.Module] = OrderedDict()
    if signature.task == "tagging":
        if len(shape) != 2 or shape[0] != signature.shape[0]:
            raise ValueError(f"Behind the teacher's first {count} child modules no steps are left to tag; keep fewer.")
        ending["cut_head"] = nn.Linear(shape[1], signature.outputs)
        return ending
    if len(shape) == 3:
        ending["cut_pool"], width = nn.AdaptiveAvgPool2d(1), shape[0]
    elif len(shape) == 2:
        ending["cut_pool"], width = MeanOverSteps(), shape[1]
    elif len(shape) == 1:
        width = shape[0]
    else:
        raise ValueError(f"Behind the teacher's first {count} child modules are neither maps, steps nor vectors.")
    ending["cut_flatten"] = nn.Flatten()
    ending["cut_head"] = nn.Linear(width, signature.outputs)
    return ending


ENTRY = ArchitectureEntry(
    name="truncated",
    title="Truncated teacher",
    summary="The teacher's first layers with a new last one; may start from the teacher's weights.",
    source="https://arxiv.org/abs/1503.02531",
    params=TruncatedParams,
    traits=frozenset(
        {"cut", "image", "sequence", "text", "table", "classification", "tagging", "regression"},
    ),
    build=build,
)
