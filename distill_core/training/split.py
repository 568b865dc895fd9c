"""Which samples each rival may learn from: validation, the teacher's labels, each seed's transfer set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from distill_core.datasets.image_data import ImageData
from distill_core.errors import DataError, Problem, SpecError
from distill_core.losses.term import NO_LABEL
from distill_core.spec import Data


@dataclass(frozen=True)
class Split:
    """Indices int64 into the training split of a dataset; the three sets of a teacher's view."""

    learn: Tensor
    validation: Tensor
    teacher: Tensor
    withheld: tuple[int, ...]
    student_validation: Tensor


@dataclass(frozen=True)
class TransferSet:
    """What a student sees: indices [n] into the training split, labels [n] or NO_LABEL."""

    indices: Tensor
    labels: Tensor

    @property
    def labelled(self) -> int:
        return int((self.labels != NO_LABEL).sum())


def split_data(data: ImageData, spec: Data) -> Split:
    """Split once for the whole experiment; raises SpecError or DataError where it cannot be done."""
    labels = data.train_labels.numpy()
    counts = np.bincount(labels, minlength=data.classes)
    present = counts > 0
    if present.sum() < 2:
        raise DataError(
            f"The training data have {int(present.sum())} class with samples; allowed: at least 2. Add a second class."
        )
    for label in np.flatnonzero(present):
        if counts[label] < 2:
            raise DataError(
                f"The class {data.class_names[label]!r} has 1 training image; allowed: at least 2, one to learn from "
                "and one to validate. Add images or remove the class."
            )
    withheld = _withheld(data, spec)
    generator = np.random.RandomState(spec.split_seed)
    order = generator.permutation(len(labels))
    held: list[int] = []
    for label in np.flatnonzero(present):
        members = order[labels[order] == label]
        share = min(max(1, round(len(members) * spec.validation_fraction)), len(members) - 1)
        held += members[:share].tolist()
    validation = np.sort(np.array(held))
    learn = np.setdiff1d(np.arange(len(labels)), validation)
    teacher = _balanced(labels, learn, spec.teacher_labels, seed=spec.split_seed, field="data.teacher_labels")
    kept = validation[~np.isin(labels[validation], withheld)]
    return Split(
        learn=torch.from_numpy(learn),
        validation=torch.from_numpy(validation),
        teacher=torch.from_numpy(teacher),
        withheld=withheld,
        student_validation=torch.from_numpy(kept),
    )


def transfer_set(data: ImageData, split: Split, spec: Data, *, seed: int, kind: str) -> TransferSet:
    """The student's samples for one seed: `labelled` ones only, or `all`, with the rest unlabelled.

    A student's labels are always among those the teacher knows; withheld classes never appear.
    """
    labels = data.train_labels.numpy()
    allowed = split.teacher.numpy()
    allowed = allowed[~np.isin(labels[allowed], split.withheld)]
    known = _balanced(labels, allowed, spec.student_labels, seed=seed, field="data.student_labels")
    if kind == "labelled":
        indices = known
    else:
        pool = split.learn.numpy()
        indices = pool[~np.isin(labels[pool], split.withheld)]
    shown = np.where(np.isin(indices, known), labels[indices], NO_LABEL)
    return TransferSet(indices=torch.from_numpy(indices), labels=torch.from_numpy(shown.astype(np.int64)))


def _withheld(data: ImageData, spec: Data) -> tuple[int, ...]:
    unknown = [name for name in spec.withheld_classes if name not in data.class_names]
    if unknown:
        shown = ", ".join(data.class_names[:20])
        raise SpecError([Problem("data.withheld_classes", unknown[0], shown, "Choose among the dataset's classes.")])
    withheld = tuple(sorted({data.class_names.index(name) for name in spec.withheld_classes}))
    if len(withheld) > data.classes - 2:
        raise SpecError(
            [
                Problem(
                    "data.withheld_classes",
                    len(withheld),
                    f"at most {data.classes - 2} of {data.classes} classes",
                    "Leave the students at least two classes.",
                )
            ]
        )
    return withheld


def _balanced(labels: np.ndarray, among: np.ndarray, count: int | None, *, seed: int, field: str) -> np.ndarray:
    """`count` of the indices `among`, evenly over the classes, in ascending order; all for None."""
    if count is None or count == len(among):
        return np.sort(among)
    classes = np.unique(labels[among])
    if not len(classes) <= count <= len(among):
        raise SpecError(
            [
                Problem(
                    field,
                    count,
                    f"{len(classes)} to {len(among)}",
                    f"At least one for each of the {len(classes)} classes, and no more than there are.",
                )
            ]
        )
    order = np.random.RandomState(seed).permutation(len(labels))
    order = order[np.isin(order, among)]
    by_class = [order[labels[order] == label] for label in classes]
    # One of each class in turn, so that the classes differ by at most one unless one runs out.
    chosen: list[int] = []
    turn = 0
    while len(chosen) < count:
        chosen += [int(members[turn]) for members in by_class if turn < len(members)][: count - len(chosen)]
        turn += 1
    return np.sort(np.array(chosen, dtype=np.int64))
