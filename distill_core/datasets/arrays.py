"""Images, sequences or tables from an npz file of the user's."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field

from distill_core.datasets.samples import Samples
from distill_core.entries import DatasetEntry, Params, Tell, silent
from distill_core.errors import DataError, Problem
from distill_core.ingestion.array_inputs import as_inputs, find_layout, scale_of
from distill_core.ingestion.array_labels import as_classes, as_values, known_classes, without_rare
from distill_core.ingestion.npz_file import ArrayFacts, peek_arrays, read_array
from distill_core.ingestion.skipped import Skipped
from distill_core.signature import NO_LABEL

__all__ = ["ENTRY", "ArrayFacts", "ArraysParams", "peek_arrays"]

SPLIT_SEED = 0
_FIELD = "data.dataset.params"


class ArraysParams(Params):
    path: str = Field(min_length=1, max_length=4096, description="The npz file, on the machine that trains.")
    inputs: str = Field("x", min_length=1, max_length=200, description="The array with the inputs, a sample a row.")
    labels: str = Field(
        "y", min_length=1, max_length=200, description="The array with the labels; -100, NaN or an empty text is none."
    )
    kind: Literal["image", "sequence", "table"] = Field("image", description="What a sample is.")
    task: Literal["classification", "tagging", "regression"] = Field(
        "classification", description="Predict a class, a class at each step of a sequence, or numbers."
    )
    test_inputs: str = Field("", max_length=200, description="The array with inputs for testing; empty: none.")
    test_labels: str = Field("", max_length=200, description="The array with the labels of those.")
    test_fraction: float = Field(
        0.2, gt=0, lt=1, description="Share of the labelled samples kept for testing when there are no test arrays."
    )


def load(params: ArraysParams, cache: Path, tell: Tell = silent) -> Samples:
    """Read the arrays, leave out what cannot be used, split and name what must be known of them in notes."""
    _check(params)
    path = Path(params.path).expanduser()
    skipped = Skipped(path.name, noun="samples")
    inputs, labels = _pair(path, params.inputs, params.labels, "inputs", "labels")
    layout = find_layout(inputs, params.kind, key=params.inputs)
    notes = list(layout.notes)
    train_inputs, usable = as_inputs(inputs, layout, key=params.inputs)
    del inputs
    total = len(train_inputs)
    _skip(skipped, "sample", usable)
    train_labels, names, kept, label_notes = _train_labels(params, labels, skipped)
    notes += label_notes
    train = usable & kept
    if params.test_inputs:
        raw, labels = _pair(path, params.test_inputs, params.test_labels, "test_inputs", "test_labels")
        test_inputs, test = as_inputs(raw, layout, key=params.test_inputs)
        if test_inputs.shape[1:] != train_inputs.shape[1:] or test_inputs.dtype != train_inputs.dtype:
            raise DataError(
                f"The test inputs {params.test_inputs!r} have another shape or type than {params.inputs!r}; allowed: "
                "the same. Save them alike."
            )
        _skip(skipped, "test sample", test)
        test_labels, known = _test_labels(params, labels, names, train_labels.shape[1:])
        _skip(skipped, "test sample", known | ~test, "no label of the training classes")
        total += len(test)
        train_at, test_at = np.flatnonzero(train), np.flatnonzero(test & known)
    else:
        train_at, test_at = _own_split(params, train_labels, train)
        test_inputs, test_labels = train_inputs, train_labels
        notes.append(f"No test arrays were given: {params.test_fraction:.0%} of the samples were kept for testing.")
    skipped.check(total)
    _check_left(train_labels[train_at], test_at, names)
    learned, test_inputs = train_inputs[train_at], test_inputs[test_at]
    mean, std = scale_of(learned, params.kind)
    label_mean, label_std = _label_scale(train_labels[train_at]) if params.task == "regression" else ((), ())
    return Samples(
        train_inputs=torch.from_numpy(learned),
        train_labels=_tensor(train_labels[train_at], label_mean, label_std),
        test_inputs=torch.from_numpy(test_inputs),
        test_labels=_tensor(test_labels[test_at], label_mean, label_std),
        class_names=names,
        mean=mean,
        std=std,
        kind=params.kind,
        task=params.task,
        label_mean=label_mean,
        label_std=label_std,
        notes=(*skipped.notes(total), *notes),
    )


def fingerprint(params: ArraysParams) -> str:
    """Changes with the file's size or time, and with how it is read; cheap."""
    file = Path(params.path).expanduser()
    if not file.is_file():
        raise DataError(f"There is no file {params.path!r} on this machine; allowed: an npz file. Check the path.")
    status = file.stat()
    read = params.model_dump_json(exclude={"path"})
    return hashlib.sha256(f"{read}:{status.st_size}:{status.st_mtime_ns}".encode()).hexdigest()[:16]


def _check(params: ArraysParams) -> None:
    if params.task == "tagging" and params.kind != "sequence":
        raise DataError(str(Problem(f"{_FIELD}.kind", params.kind, "sequence, for tagging", "Tags belong to steps.")))
    if bool(params.test_inputs) != bool(params.test_labels):
        empty = "test_labels" if params.test_inputs else "test_inputs"
        raise DataError(str(Problem(f"{_FIELD}.{empty}", "", "an array, as the other one is given", "Give both.")))


def _pair(path: Path, inputs: str, labels: str, inputs_field: str, labels_field: str) -> tuple[np.ndarray, np.ndarray]:
    first = read_array(path, inputs, field=f"{_FIELD}.{inputs_field}")
    second = read_array(path, labels, field=f"{_FIELD}.{labels_field}")
    counts = [str(len(array)) if array.ndim else "no" for array in (first, second)]
    if counts[0] != counts[1]:
        raise DataError(
            f"The array {inputs!r} has {counts[0]} samples and {labels!r} has {counts[1]}; allowed: as many labels as "
            "inputs. Choose arrays that belong together."
        )
    return first, second


def _skip(skipped: Skipped, noun: str, usable: np.ndarray, reason: str = "a number is missing or out of range") -> None:
    for place in np.flatnonzero(~usable).tolist():
        skipped.add(f"{noun} {place:,}", reason)


def _train_labels(
    params: ArraysParams, array: np.ndarray, skipped: Skipped
) -> tuple[np.ndarray, tuple[str, ...], np.ndarray, list[str]]:
    """Labels, the names of the outputs, which samples are kept [N], and notes."""
    if params.task == "regression":
        values = as_values(array, key=params.labels)
        width = values.shape[1]
        names = (params.labels,) if width == 1 else tuple(f"{params.labels} {number + 1}" for number in range(width))
        return values, names, np.ones(len(values), dtype=bool), []
    classes, notes = as_classes(array, key=params.labels, per_step=params.task == "tagging")
    if params.task == "tagging":
        return classes.numbers, classes.names, np.ones(len(array), dtype=bool), notes
    classes, kept = without_rare(classes, 2 if params.test_inputs else 3, skipped)
    if missing := int((classes.numbers[kept] == NO_LABEL).sum()):
        notes.append(f"{missing:,} training samples have no label; only a teacher's term learns from them.")
    return classes.numbers, classes.names, kept, notes


def _test_labels(
    params: ArraysParams, array: np.ndarray, names: tuple[str, ...], shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Labels as the training ones, and which samples can be tested [N]."""
    if params.task == "regression":
        labels = as_values(array, key=params.test_labels)
        known = ~np.isnan(labels).any(1)
    else:
        classes, _ = as_classes(array, key=params.test_labels, per_step=params.task == "tagging")
        labels, strange = known_classes(classes, names)
        known = ~strange.any(1) & (labels != NO_LABEL).any(1) if labels.ndim == 2 else labels != NO_LABEL
    if labels.shape[1:] != shape:
        raise DataError(f"The labels {params.test_labels!r} and {params.labels!r} differ in shape; allowed: the same.")
    return labels, known


def _own_split(params: ArraysParams, labels: np.ndarray, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of training and test samples: a share of each class, in a random order that never changes."""
    order = np.random.RandomState(SPLIT_SEED).permutation(len(labels))
    order = order[usable[order]]
    if params.task == "classification":
        groups = [order[labels[order] == label] for label in np.unique(labels[usable & (labels != NO_LABEL)])]
    elif params.task == "tagging":
        groups = [order[(labels[order] != NO_LABEL).any(1)]]
    else:
        groups = [order[~np.isnan(labels[order]).any(1)]]
    kept = [group[: min(max(1, round(len(group) * params.test_fraction)), max(len(group) - 2, 0))] for group in groups]
    test = np.sort(np.concatenate(kept))
    return np.setdiff1d(np.flatnonzero(usable), test), test


def _check_left(labels: np.ndarray, test_at: np.ndarray, names: tuple[str, ...]) -> None:
    if len(labels) < 2 or not len(test_at):
        raise DataError(
            f"{len(labels)} training and {len(test_at)} test samples can be used; allowed: at least 2 and 1. Give more."
        )
    if labels.dtype.kind == "i":
        missing = sorted(set(range(len(names))) - set(np.unique(labels).tolist()))
        if missing:
            raise DataError(
                f"No training sample is left of the class {names[missing[0]]!r}; allowed: one or more. Give more."
            )


def _label_scale(labels: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if (~np.isnan(labels)).sum(0).min() < 2:
        raise DataError("Fewer than 2 training samples have a number; allowed: at least 2 for each output. Give more.")
    std = np.nanstd(labels, 0)
    if not (std > 0).all():
        raise DataError("All training labels of an output are the same number; allowed: different ones. Remove it.")
    return tuple(map(float, np.nanmean(labels, 0))), tuple(map(float, std))


def _tensor(labels: np.ndarray, mean: tuple[float, ...], std: tuple[float, ...]) -> torch.Tensor:
    if labels.dtype.kind == "f":
        return torch.from_numpy(((labels - np.array(mean)) / np.array(std)).astype(np.float32))
    return torch.from_numpy(labels)


ENTRY = DatasetEntry(
    name="arrays",
    title="Arrays (npz)",
    summary="Your own images, sequences or table rows with labels, saved with numpy.savez.",
    source="your own file",
    params=ArraysParams,
    traits=frozenset({"image", "sequence", "table", "classification", "tagging", "regression", "file"}),
    load=load,
    fingerprint=fingerprint,
)
