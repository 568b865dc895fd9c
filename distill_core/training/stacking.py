"""Which students of a cohort train as one stack, and why others do not: from what they are, never by timing."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from distill_core.datasets.samples import example_inputs
from distill_core.signature import Signature
from distill_core.training.batches import Batch
from distill_core.training.candidate import Candidate
from distill_core.training.stack import Stack
from distill_core.training.stacked import Unstackable

FEWEST = 4
"""A choice, not a measurement: two and three were not timed with their losses, and so stay bit for bit as they were."""
MOST_MACS = {"cpu": 50e6, "cuda": 5e9}
"""Multiply-accumulates of one network's forward pass over a batch.

Timed on one thread of a busy two-core machine, passes of 8 to 26 stacked networks were 2.3 to 3.8 times as fast as one
by one at 1.5 million, 1.2 to 1.9 times at 38 million, and passes of 2 to 8 no faster at 150 million. The limit of GPUs
is assumed, not measured.
"""
MOST_BYTES = {"cpu": 2**29, "cuda": 2**31}
"""What the layers of a stack may give for a batch, all together; more students make several stacks."""


@dataclass(frozen=True)
class Cost:
    """Of one sample's way through a network: multiply-accumulates, and numbers that its layers give."""

    macs: float
    numbers: int


def cost_of(network: nn.Module, signature: Signature) -> Cost:
    """Counted on a copy on the device "meta", which computes shapes alone."""
    model, numbers = copy.deepcopy(network).to("meta").eval(), 0

    def count(module: nn.Module, inputs: Any, output: Any) -> None:
        nonlocal numbers
        first = output[0] if isinstance(output, tuple) and output else output
        if isinstance(first, Tensor):
            numbers += first.numel()

    for module in model.modules():
        if not any(module.children()):
            module.register_forward_hook(count)
    inputs = example_inputs(signature, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(inputs)
    return Cost(macs=counter.get_total_flops() / 2 / len(inputs), numbers=numbers // len(inputs))


class Stacking:
    """Makes stacks of a cohort's candidates, and tells once of each architecture why its students have none."""

    def __init__(self, *, signature: Signature, tell: Callable[[str], None]) -> None:
        self._signature, self._tell = signature, tell
        self._refused: set[str] = set()
        self._tried: set[str] = set()
        self._costs: dict[str, Cost] = {}
        self._units: tuple[list[int], list[Stack | Candidate]] = [], []

    def units(self, candidates: Sequence[Candidate]) -> list[Stack | Candidate]:
        """The same candidates, some of them in stacks; those of the last call where they are still the same."""
        wanted = [id(one) for one in candidates]
        if self._units[0] != wanted:
            self.dissolve()
            self._units = wanted, self._grouped(candidates)
        return self._units[1]

    def any_stack(self, candidates: Sequence[Candidate]) -> bool:
        """Whether some of these would train as a stack; they are left as they were."""
        found = any(isinstance(unit, Stack) for unit in self.units(candidates))
        self.dissolve()
        return found

    def train_step(
        self, stack: Stack, batch: Batch, teacher_logits: Tensor | None, teacher_taps: Mapping[str, Tensor]
    ) -> None:
        """A step of a stack, the first of its architecture with care: what cannot be stacked trains one by one."""
        kind = _architecture(stack.members[0])
        if kind in self._tried:
            stack.train_step(batch, teacher_logits, teacher_taps)
            return
        self._tried.add(kind)
        buffers = [value.clone() for value in stack.network.all.buffers()]
        try:
            stack.compare(batch.inputs)
            stack.train_step(batch, teacher_logits, teacher_taps)
            return
        except Exception as error:  # Stacking only saves time: whatever stands in its way, the training goes on.
            what = error.what if isinstance(error, Unstackable) else f"{type(error).__name__}: {error}"
        # Out here nothing holds what the stack had computed any more: the error may have been want of memory.
        with torch.no_grad():
            for value, before in zip(stack.network.all.buffers(), buffers, strict=True):
                value.copy_(before)
        self._refuse(stack.members[0], f"several cannot be computed at once ({what})")
        stack.dissolve()
        self._units[0].clear()
        for one in stack.members:
            one.train_step(batch, teacher_logits if one.run.needs_teacher else None, teacher_taps)

    def dissolve(self) -> None:
        """Let every candidate go on alone, or in another stack."""
        for unit in self._units[1]:
            if isinstance(unit, Stack):
                unit.dissolve()
        self._units = [], []

    def _grouped(self, candidates: Sequence[Candidate]) -> list[Stack | Candidate]:
        groups: dict[Any, list[Candidate]] = {}
        for one in candidates:
            shapes = tuple((name, value.shape, value.dtype) for name, value in one.model.state_dict().items())
            budget = (one.training, one.total_steps, one.precision)
            alike = (_architecture(one), id(one.stream), one.run.seed, budget, shapes)
            groups.setdefault(alike, []).append(one)
        units: list[Stack | Candidate] = []
        for group in groups.values():
            units += self._stacked(group)
        return units

    def _stacked(self, group: list[Candidate]) -> Sequence[Stack | Candidate]:
        """Candidates of one network in as few stacks as fit into memory, or one by one."""
        if len(group) < FEWEST or _architecture(group[0]) in self._refused:
            return group
        title, reasons = _title(group[0]), [(one, _reason(one)) for one in group]
        members = [one for one, reason in reasons if not reason]
        for reason in sorted({reason for _, reason in reasons if reason}):
            count = sum(other == reason for _, other in reasons)
            self._tell(f"{count} of {len(group)} students with the network {title} train one by one: {reason}.")
        if len(members) < FEWEST:
            return group
        most, reason = self._most_members(members[0])
        if most < FEWEST:
            self._refuse(members[0], reason)
            return group
        stacks = math.ceil(len(members) / most)
        units: list[Stack | Candidate] = [one for one, reason in reasons if reason]
        for number in range(stacks):
            part = members[number::stacks]
            units += [Stack(part)] if len(part) >= FEWEST else part
        return units

    def _most_members(self, one: Candidate) -> tuple[int, str]:
        """How many candidates like this one a stack may have, and why not more where that is too few."""
        kind, batch = _architecture(one), one.stream.batch_size
        if kind not in self._costs:
            self._costs[kind] = cost_of(one.model, self._signature)
        cost, device = self._costs[kind], "cpu" if one.device.type == "cpu" else "cuda"
        if cost.macs * batch > MOST_MACS[device]:
            if device == "cuda":
                return 0, "one of them keeps the GPU busy by itself, so that nothing would be saved"
            return 0, "one of them keeps the processor busy by itself, so that nothing would be saved"
        return int(MOST_BYTES[device] / (4 * cost.numbers * batch)), "several need too much memory at once"

    def _refuse(self, one: Candidate, reason: str) -> None:
        self._refused.add(_architecture(one))
        self._tell(f"Students with the network {_title(one)} train one by one: {reason}.")


def _architecture(one: Candidate) -> str:
    return one.run.architecture.model_dump_json()


def _title(one: Candidate) -> str:
    return one.run.architecture.name


def _reason(one: Candidate) -> str:
    """Why a candidate can be in no stack, whatever its network; empty if it can."""
    if one.helped is not None:
        return "several processes share its steps"
    if one.after_step:
        return "its weights are held after each step"
    if any(True for _ in one.objective.modules.parameters()):
        return "one of its terms learns something itself"
    if one.objective.reads_weights:
        return "one of its terms compares weights"
    return ""
