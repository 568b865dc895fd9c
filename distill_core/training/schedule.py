"""Learning rates as a pure function of the step, and the optimisers they drive."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch.nn import Parameter

from distill_core.spec import AdamW, Training


def learning_rate(training: Training, step: int, total_steps: int) -> float:
    """Rate at a step counted from 0: linear warm-up, then cosine or linear to 0, in two steps, or constant."""
    peak = training.optimizer.learning_rate
    warmup = round(training.warmup_fraction * total_steps)
    if step < warmup:
        return peak * (step + 1) / warmup
    if training.schedule == "constant":
        return peak
    if training.schedule == "step":
        # He et al. 2015 divide by ten after half and after three quarters of the training.
        return peak * 0.1 ** ((step >= total_steps / 2) + (step >= total_steps * 3 / 4))
    progress = (step - warmup) / max(total_steps - warmup, 1)
    return peak * (0.5 * (1 + math.cos(math.pi * progress)) if training.schedule == "cosine" else 1 - progress)


def build_optimizer(training: Training, parameters: Iterable[Parameter]) -> torch.optim.Optimizer:
    """The optimiser of a run; its fused form does a step in one pass over the weights."""
    spec = training.optimizer
    if isinstance(spec, AdamW):
        return torch.optim.AdamW(parameters, lr=spec.learning_rate, weight_decay=spec.weight_decay, fused=True)
    return torch.optim.SGD(
        parameters,
        lr=spec.learning_rate,
        momentum=spec.momentum,
        weight_decay=spec.weight_decay,
        nesterov=spec.momentum > 0,
        fused=True,
    )
