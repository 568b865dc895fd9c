"""Measures what accuracy each strength of each compression step costs a trained network, on validation data."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from distill_core.compression_step import CompressionRefused, NetworkStep
from distill_core.entries import CompressionEntry
from distill_core.evaluation.metrics import primary_metric
from distill_core.folders import write_json
from distill_core.pipeline.announcing import SENSITIVITY_STEP
from distill_core.pipeline.compressing import broken, example_around
from distill_core.pipeline.context import Context
from distill_core.pipeline.keeping import Keeper
from distill_core.plan_compression import sources
from distill_core.planned import PlannedRun
from distill_core.training.cohort import predict
from distill_core.training.normaliser import Normaliser
from distill_core.training.preparation import Checked
from distill_core.training.scores import score

MOST_SAMPLES = 1000
MOST_LAYERS = 12
MOST_SECONDS = 120.0
"""For one network; what is not measured by then is left out, and said to be."""


def measure_sensitivity(checked: Checked, context: Context, keeper: Keeper) -> None:
    """Write the curves of every network that a chain begins with, where they are not there yet, until a stop comes."""
    if not checked.spec.compression.sensitivity:
        return
    found = {run.run_id: run for chain in checked.spec.compression.chains for run in sources(chain, checked.plan)[:1]}
    runs = [run for run in found.values() if context.folder.run(run.run_id).model.exists()]
    name, title = SENSITIVITY_STEP
    for run in runs:
        place = context.folder.run(run.run_id)
        if place.sensitivity.exists():
            continue
        curves = Curves(checked, context, keeper.network(run), _validation(checked, run))
        for done, total in curves.measure():
            if context.should_stop():
                context.step(name, title, "waiting", done=done, total=total)
                return
            context.step(name, title, "running", done=done, total=total)
        write_json(place.sensitivity, curves.result())
    context.step(name, title, "finished" if runs else "skipped", done=len(runs), total=len(runs))


def _validation(checked: Checked, run: PlannedRun) -> Tensor:
    """Indices of up to so many held-out training samples, evenly spread."""
    held = checked.split.student_validation if run.student is not None else checked.split.validation
    count = min(MOST_SAMPLES, len(held))
    return held[torch.from_numpy(np.linspace(0, len(held) - 1, count).round().astype(np.int64))]


@dataclass
class _Curve:
    entry: CompressionEntry
    layer: str
    """Empty: all layers."""
    points: list[tuple[float, float]] = field(default_factory=list)


class Curves:
    """The curves of one network; `indices` are the validation samples among the training data."""

    def __init__(self, checked: Checked, context: Context, network: nn.Module, indices: Tensor) -> None:
        self._checked, self._context, self._network = checked, context, network
        data = checked.data
        self._inputs, self._labels = data.train_inputs[indices], data.train_labels[indices].to(checked.device)
        self._around = example_around(checked)
        self._notes: dict[str, None] = {}
        self._curves = list(self._planned())
        self._untouched = self._value(network)

    def measure(self) -> Iterator[tuple[int, int]]:
        """Measure all curves; yields, before each point, how many are done of how many."""
        total = sum(len(curve.entry.strengths) for curve in self._curves)
        began, done = self._context.clock(), 0
        # All layers together first, then the largest ones, so that a time limit costs least.
        for curve in self._curves:
            for strength in curve.entry.strengths:
                yield done, total
                done += 1
                if self._context.clock() - began > MOST_SECONDS:
                    self._notes[f"It took longer than {MOST_SECONDS:.0f} s; the rest was left out."] = None
                    return
                if (value := self._point(curve, strength)) is not None:
                    curve.points.append((strength, value))

    def result(self) -> dict[str, Any]:
        """See compressions.Compressions.sensitivity."""
        return {
            "validation": len(self._inputs), "metric": primary_metric(self._checked.data.task),
            "untouched": self._untouched, "notes": list(self._notes),
            "curves": [
                {
                    "step": curve.entry.name, "title": curve.entry.title, "strength": curve.entry.strength,
                    "layer": curve.layer, "points": [list(point) for point in curve.points],
                }
                for curve in self._curves if curve.points
            ],
        }

    def _planned(self) -> Iterator[_Curve]:
        data, entries = self._checked.data, self._checked.catalogue.compression
        fitting = [entry for entry in entries if entry.strengths and {data.kind, data.task} <= entry.traits]
        yield from (_Curve(entry, "") for entry in fitting)
        for entry in fitting:
            yield from (_Curve(entry, layer) for layer in self._largest_layers(entry))

    def _largest_layers(self, entry: CompressionEntry) -> list[str]:
        step = entry.build(entry.resolve({}))
        if not isinstance(step, NetworkStep) or "layers" not in entry.params.model_fields:
            return []
        try:
            sizes = step.layers(copy.deepcopy(self._network), self._around)
        except CompressionRefused:
            # What is refused for all layers is told there.
            return []
        except Exception as error:
            self._notes[f"{entry.title}, layer by layer: {broken(entry.title, error)}"] = None
            return []
        if len(sizes) > MOST_LAYERS:
            self._notes[f"{entry.title}: the {MOST_LAYERS} largest of {len(sizes)} layers."] = None
        # One layer alone is all of them.
        return sorted(sizes, key=lambda name: -sizes[name])[:MOST_LAYERS] if len(sizes) > 1 else []

    def _point(self, curve: _Curve, strength: float) -> float | None:
        """The figure of the changed network; None where the step refuses or nothing finite is left."""
        chosen = {"layers": (curve.layer,)} if curve.layer else {}
        step = curve.entry.build(curve.entry.resolve({curve.entry.strength: strength, **chosen}))
        assert isinstance(step, NetworkStep)
        try:
            value = self._value(step.apply(copy.deepcopy(self._network), self._around))
        except CompressionRefused as error:
            if not curve.layer:
                self._notes[f"{curve.entry.title} at {strength:g}: {error.sentence}"] = None
            return None
        # Curves are worth no experiment.
        except Exception as error:
            what = f"{curve.entry.title} at {strength:g}" + (f", layer {curve.layer}" if curve.layer else "")
            self._notes[f"{what}: {broken(what, error)}"] = None
            return None
        return value if math.isfinite(value) else None

    def _value(self, network: nn.Module) -> float:
        answers = predict(network, self._inputs, Normaliser(self._checked.data, self._checked.device))
        return score(answers, self._labels, None, task=self._checked.data.task).success
