"""Loss and accuracy along the straight line between the weights of the student alone and of the distilled one."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from distill_core.examination.bench import Bench
from distill_core.examined import LinePoint, LossLine
from distill_core.training.cohort import predict
from distill_core.training.scores import score

FIRST, LAST, STEPS = -0.25, 1.25, 30
MOST_SAMPLES = 1000
_BATCH = 128


def units(bench: Bench) -> int:
    return STEPS + 1


def examine(bench: Bench) -> LossLine | None:
    """Both ends are the kept networks; in between each weight is (1-a) alone + a distilled. None if stopped.

    Goodfellow et al. 2015, https://arxiv.org/abs/1412.6544. Batch-norm statistics are those on the line too, and, in
    the second pair of figures, measured anew on training samples at each point, for those of a network in between are
    none of its own.
    """
    ends = [bench.find(run_id) for run_id in bench.pair or ()]
    models = [one.model for one in ends if one is not None]
    first, last = (*models, None, None)[:2]
    if bench.pair is None or first is None or last is None:
        return LossLine(**bench.common(absent=(
            "It takes a distilled student and the same network trained alone with the same seed, both kept; they are "
            "not both there."
        )))
    start, end = _state(first), _state(last)
    if {name: value.shape for name, value in start.items()} != {name: value.shape for name, value in end.items()}:
        return LossLine(**bench.common(absent="The two networks differ in shape, so that no line joins their weights."))
    # Where the statistics are measured anew, every point takes two passes and one over the training samples.
    rows = bench.rows(bench.affordable(2 * (STEPS + 1), most=MOST_SAMPLES))
    between = copy.deepcopy(first)
    normalises = any(_has_statistics(module) for module in between.modules())
    points = []
    for step in range(STEPS + 1):
        # Rounded, so that both ends are met exactly.
        a = round(FIRST + (LAST - FIRST) * step / STEPS, 10)
        between.load_state_dict({name: _on_the_line(start[name], end[name], a, name=name) for name in start})
        loss, success = _figures(bench, between, rows)
        anew: tuple[float | None, float | None] = (None, None)
        if normalises:
            measure_statistics(bench, between)
            anew = _figures(bench, between, rows)
        points.append(LinePoint(a=a, loss=loss, accuracy=success, loss_anew=anew[0], accuracy_anew=anew[1]))
        if not bench.go_on():
            return None
    alone, distilled = bench.pair
    return LossLine(**bench.common(samples=len(rows)), alone=alone, distilled=distilled, points=tuple(points))


def _state(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _on_the_line(start: Tensor, end: Tensor, a: float, *, name: str) -> Tensor:
    """Counters stay as they are; a variance beyond an end must not fall below zero, where it has no root."""
    if not start.is_floating_point():
        return start
    found = torch.lerp(start.double(), end.double(), a).to(start.dtype)
    return found.clamp(min=0) if name.endswith("running_var") else found


def _has_statistics(module: nn.Module) -> bool:
    return isinstance(module, _BatchNorm) and module.running_mean is not None


def measure_statistics(bench: Bench, network: nn.Module) -> None:
    """Batch-norm statistics of the network as it is now, over training samples without views; all else in eval mode."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    moments = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        # None: the plain mean over all batches.
        norm.momentum = None
        norm.train()
    with torch.no_grad():
        for part in bench.learnt.split(_BATCH):
            # A batch of one has no variance.
            if len(part) > 1:
                network(bench.normalise(part.to(bench.device)))
    for norm, momentum in zip(norms, moments, strict=True):
        norm.momentum = momentum
    network.eval()


def _figures(bench: Bench, network: nn.Module, rows: Tensor) -> tuple[float | None, float | None]:
    """Loss (NLL in nats, of a regression the squared error) and success of the test samples."""
    data = bench.data
    parts = [predict(network, data.test_inputs[part], bench.normalise).float().cpu() for part in rows.split(_BATCH)]
    answers, labels = torch.cat(parts), data.test_labels[rows]
    if data.task != "regression" and not bool(answers.isfinite().all()):
        return None, None
    found = score(answers, labels, None, task=data.task)
    return _finite(found.error), _finite(found.success)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

