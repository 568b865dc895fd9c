"""Which samples each rival may learn from: validation, the teacher's labels, each seed's transfer set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from distill_core.datasets.samples import Samples
from distill_core.errors import DataError, Problem, SpecError
from distill_core.signature import NO_LABEL
from distill_core.spec import Data


@dataclass(frozen=True)
class Split:
    """Indices int64 into the training split of a dataset; the three sets of a teacher's view.

    Corrections are the last of `teacher` and in no other set.
    """

    learn: Tensor
    validation: Tensor
    teacher: Tensor
    withheld: tuple[int, ...]
    student_validation: Tensor


@dataclass(frozen=True)
class TransferSet:
    """What a student sees: indices [n] into the training split, labels [n,...] or NO_LABEL, NaN of a regression."""

    indices: Tensor
    labels: Tensor

    @property
    def labelled(self) -> int:
        return int(has_label(self.labels).sum())

    def only(self, places: Tensor) -> TransferSet:
        """The samples at these places [m] of the set."""
        return TransferSet(indices=self.indices[places], labels=self.labels[places])


def has_label(labels: Tensor) -> Tensor:
    """Which of the samples [N] have a label at all, whatever the task."""
    known = ~labels.isnan() if labels.is_floating_point() else labels != NO_LABEL
    return known.flatten(1).any(1) if known.dim() > 1 else known


def _strata(data: Samples) -> np.ndarray:
    """What a split keeps even: the classes [N]; all the same where there are none; -1 for samples without a label.

    Corrections are not among them: a split is the same with and without.
    """
    labels = data.train_labels[: len(data.train_labels) - data.corrected]
    same = labels.numpy() if data.task == "classification" else np.zeros(len(labels), dtype=np.int64)
    return np.where(has_label(labels).numpy(), same, -1)


def split_data(data: Samples, spec: Data) -> Split:
    """Split once for the whole experiment; raises SpecError or DataError where it cannot be done."""
    labels = _strata(data)
    by_class = data.task == "classification"
    counts = np.bincount(labels[labels >= 0], minlength=data.outputs if by_class else 1)
    present = counts > 0
    noun = data.signature.noun
    if by_class and present.sum() < 2:
        raise DataError(
            f"The training data have {int(present.sum())} class with samples; allowed: at least 2. Add a second class."
        )
    for label in np.flatnonzero(present):
        if counts[label] < 2:
            where = f"class {data.class_names[label]!r}" if by_class else "training split"
            raise DataError(
                f"The {where} has 1 training {noun[:-1]}; allowed: at least 2, one to learn from and one to "
                "validate. Add some or remove the class."
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
    known = learn[labels[learn] >= 0]
    teacher = _balanced(labels, known, spec.teacher_labels, seed=spec.split_seed, field="data.teacher_labels")
    kept = validation[~np.isin(labels[validation], withheld)] if withheld else validation
    return Split(
        learn=torch.from_numpy(learn),
        validation=torch.from_numpy(validation),
        teacher=torch.from_numpy(np.concatenate([teacher, _corrections(data)])),
        withheld=withheld,
        student_validation=torch.from_numpy(kept),
    )


def transfer_set(data: Samples, split: Split, spec: Data, *, seed: int, kind: str) -> TransferSet:
    """The student's samples for one seed: `labelled` ones only, or `all`, with the rest unlabelled.

    A student's labels are always among those the teacher knows; withheld classes never appear. Corrections come on top
    of the labels that are drawn.
    """
    strata = _strata(data)
    allowed = split.teacher.numpy()[: len(split.teacher) - data.corrected]
    allowed = allowed[~_any_of(strata[allowed], split.withheld)]
    known = _balanced(strata, allowed, spec.student_labels, seed=seed, field="data.student_labels")
    if kind == "labelled":
        indices = known
    else:
        pool = split.learn.numpy()
        indices = pool[~_any_of(strata[pool], split.withheld)]
    corrections = _corrections(data)
    corrections = corrections[~_any_of(data.train_labels.numpy()[corrections], split.withheld)]
    chosen = torch.from_numpy(np.concatenate([indices, corrections]))
    shown = data.train_labels[chosen].clone()
    hidden = torch.from_numpy(~np.isin(chosen.numpy(), np.concatenate([known, corrections])))
    shown[hidden] = torch.nan if shown.is_floating_point() else NO_LABEL
    return TransferSet(indices=chosen, labels=shown)


def _corrections(data: Samples) -> np.ndarray:
    """Indices [n] of the corrected samples, which stand behind all others."""
    return np.arange(len(data.train_labels) - data.corrected, len(data.train_labels))


def _any_of(strata: np.ndarray, withheld: tuple[int, ...]) -> np.ndarray:
    return np.isin(strata, withheld) if withheld else np.zeros(len(strata), dtype=bool)


def _withheld(data: Samples, spec: Data) -> tuple[int, ...]:
    if not spec.withheld_classes:
        return ()
    unknown = [name for name in spec.withheld_classes if name not in data.class_names]
    if unknown:
        shown = ", ".join(data.class_names[:20])
        raise SpecError([Problem("data.withheld_classes", unknown[0], shown, "Choose among the dataset's classes.")])
    withheld = tuple(sorted({data.class_names.index(name) for name in spec.withheld_classes}))
    if len(withheld) > data.outputs - 2:
        raise SpecError(
            [
                Problem(
                    "data.withheld_classes",
                    len(withheld),
                    f"at most {data.outputs - 2} of {data.outputs} classes",
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
