"""Measures how fit the teacher of a checked experiment is to teach, and how it does beside students trained alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from distill_core.evaluation.teacher_fitness import TeacherFitness, flat_steps, teacher_fitness
from distill_core.folders import RunFolder, read_json
from distill_core.training.batches import asked_at_once
from distill_core.training.cohort import predict
from distill_core.training.normaliser import Normaliser
from distill_core.training.preparation import Checked

MOST_SAMPLES = 4096
"""Of each set, evenly thinned: enough for a figure to within a point, and seconds at most for a large teacher."""

Pair = tuple[NDArray[Any], NDArray[Any]]


def measure_fitness(checked: Checked, teacher: nn.Module) -> TeacherFitness | None:
    """Of a teacher in eval mode on the experiment's device; None for a regression, whose answers are no soft labels.

    It is asked about the validation samples and about those that the students of the first seed see, as they are: its
    answers to augmented ones are softer. Where some students see unlabelled samples too, these are among them.
    """
    if checked.data.task == "regression":
        return None
    held = checked.split.validation
    kinds = {student.transfer for student in checked.spec.students if checked.catalogue.needs_teacher(student)}
    seen = checked.transfer(seed=checked.spec.seeds[0], kind="all" if "all" in kinds else "labelled")
    return teacher_fitness(
        _answers(checked, teacher, held, checked.data.train_labels[held]),
        _answers(checked, teacher, seen.indices, seen.labels),
        withheld=bool(checked.split.withheld),
    )


def _answers(checked: Checked, teacher: nn.Module, indices: Tensor, labels: Tensor) -> Pair:
    """Logits [N,K] and labels [N]; steps of a tagging are samples."""
    thinned = torch.linspace(0, len(indices) - 1, min(len(indices), MOST_SAMPLES)).round().long()
    rows, shown = indices[thinned], labels[thinned]
    normalise = Normaliser(checked.data, checked.device)
    # Part by part: large data lie on the disk.
    parts = [checked.data.train_rows(part) for part in rows.split(asked_at_once(checked.data.shape))]
    logits = torch.cat([predict(teacher, part, normalise).float().cpu() for part in parts]).numpy()
    if checked.data.task != "tagging":
        return logits, shown.numpy()
    # Padding is no step to be tagged, and has no label either.
    there = torch.cat(parts).ne(0).numpy() if checked.data.kind == "text" else None
    return flat_steps(logits, shown.numpy(), there=there)


def alone_before(checked: Checked, trained: Mapping[str, str]) -> dict[str, Any] | None:
    """The best of the students trained alone that are finished already: {"name", "accuracy", "seeds"}, or None.

    `trained` maps run ids to run folders. The accuracy is that of the kept epoch on the validation samples, the mean
    over seeds. None for a regression, and where classes are withheld: those students are validated without them.
    """
    if checked.data.task == "regression" or checked.split.withheld:
        return None
    found: dict[str, list[float]] = {}
    for cohort in checked.plan.cohorts:
        for run in cohort.runs:
            if run.role == "baseline" and run.run_id in trained:
                accuracy = _kept_accuracy(RunFolder(Path(trained[run.run_id])))
                found.setdefault(run.name, []).extend([] if accuracy is None else [accuracy])
    means = {name: fmean(values) for name, values in found.items() if values}
    if not means:
        return None
    best = max(means, key=lambda name: means[name])
    return {"name": best, "accuracy": means[best], "seeds": len(found[best])}


def _kept_accuracy(folder: RunFolder) -> float | None:
    """On the validation samples, of the epoch whose weights were kept."""
    if not folder.result.exists():
        return None
    result = read_json(folder.result)
    points = [point for point in result["curve"] if point["epoch"] == result["best_epoch"]]
    value = float(points[0]["validation_accuracy"]) if points else float("nan")
    return value if np.isfinite(value) else None
