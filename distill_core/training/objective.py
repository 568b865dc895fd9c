"""A student's loss: weighted terms, with each one's mean over the epoch on record."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from distill_core.catalog import Registry
from distill_core.losses.term import StepTensors, TermFunction
from distill_core.spec import Term


class Objective:
    """Total = sum of weight * term. Terms of weight 0 are not computed."""

    def __init__(self, terms: Sequence[Term], losses: Registry, *, device: torch.device) -> None:
        self.names: list[str] = []
        self.weights: list[float] = []
        self._functions: list[TermFunction] = []
        for term in terms:
            if term.weight > 0:
                entry, params = losses.resolve(term.loss)
                self.names.append(term.loss.name)
                self.weights.append(term.weight)
                self._functions.append(entry.build(params))
        # Sums stay on the device: reading a number at every step would wait for a GPU.
        self.sums = torch.zeros(len(self.names), dtype=torch.float64, device=device)
        self.steps = 0

    def __call__(self, step: StepTensors) -> Tensor:
        """The scalar to minimise."""
        raw = [function(step) for function in self._functions]
        self.sums += torch.stack([value.detach() for value in raw])
        self.steps += 1
        total = raw[0] if self.weights[0] == 1.0 else raw[0] * self.weights[0]
        for value, weight in zip(raw[1:], self.weights[1:], strict=True):
            total = total + value * weight
        return total

    def take_means(self) -> tuple[dict[str, float], dict[str, float]]:
        """Raw and weighted means of each term since the last call, and a fresh start."""
        means = (self.sums / max(self.steps, 1)).tolist()
        self.sums.zero_()
        self.steps = 0
        raw = dict(zip(self.names, means, strict=True))
        return raw, {name: value * weight for (name, value), weight in zip(raw.items(), self.weights, strict=True)}
