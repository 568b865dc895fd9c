"""What a helper must know to share the training of a cohort, as bytes: safetensors with a JSON header, no pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

States = tuple[Mapping[str, Tensor], ...]
"""Tensors by name, of each of several things."""


@dataclass(frozen=True)
class JoinedRun:
    """One run of the cohort; `stream` is the number of its stream, `taps` the layers whose output the leader wants."""

    run_id: str
    stream: int
    taps: tuple[str, ...]


@dataclass(frozen=True)
class Joining:
    """A cohort as its leader has it. `networks` are the states of the runs' networks, `teachers` of the teachers'.

    `transfers` are `indices` and `labels` of each stream's transfer set, and `teacher_taps` the layers of the teacher
    that somebody of the stream reads.
    """

    runs: tuple[JoinedRun, ...]
    teacher_taps: tuple[tuple[str, ...], ...]
    networks: States
    transfers: States
    teachers: States

    def to_bytes(self) -> bytes:
        tensors: dict[str, Tensor] = {}
        for part in ("networks", "transfers", "teachers"):
            for number, state in enumerate(getattr(self, part)):
                # Copies: safetensors refuses tensors that share memory or are not contiguous.
                tensors |= {
                    f"{part}/{number}/{name}": value.detach().cpu().contiguous().clone()
                    for name, value in state.items()
                }
        words = {
            "runs": [asdict(run) for run in self.runs], "teacher_taps": self.teacher_taps,
            "counts": {part: len(getattr(self, part)) for part in ("networks", "transfers", "teachers")},
        }
        return save(tensors, metadata={"joining": json.dumps(words)})

    @staticmethod
    def from_bytes(content: bytes) -> Joining:
        # The header of safetensors: its length in 8 bytes, then JSON.
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        words = json.loads(header["__metadata__"]["joining"])
        found: dict[str, tuple[dict[str, Tensor], ...]] = {
            part: tuple({} for _ in range(count)) for part, count in words["counts"].items()
        }
        for name, tensor in load(content).items():
            part, number, rest = name.split("/", 2)
            found[part][int(number)][rest] = tensor
        return Joining(
            runs=tuple(JoinedRun(run["run_id"], run["stream"], tuple(run["taps"])) for run in words["runs"]),
            teacher_taps=tuple(tuple(taps) for taps in words["teacher_taps"]), **found,
        )


def trained(network: nn.Module) -> list[nn.Parameter]:
    """What changes from step to step, in one order for all processes."""
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def flat(tensors: list[Tensor]) -> Tensor:
    """All their numbers, one after the other, [n]."""
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


def gradients_of(parameters: list[nn.Parameter]) -> Tensor:
    """All gradients [n]; zeros where there is none."""
    return flat([torch.zeros_like(one) if one.grad is None else one.grad for one in parameters])


@torch.no_grad()
def unflatten(numbers: Tensor, into: list[Tensor]) -> None:
    """Write [n] back over tensors."""
    for tensor, part in zip(into, numbers.split([tensor.numel() for tensor in into]), strict=True):
        tensor.copy_(part.view(tensor.shape))
