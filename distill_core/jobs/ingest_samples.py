"""Reads an uploaded table or arrays as its dataset entry does, and keeps samples to look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from distill_core import datasets
from distill_core.datasets.samples import Samples
from distill_core.datasets.text_table import TextTableParams
from distill_core.ingestion.bad_rows import count_problems, list_bad_rows
from distill_core.ingestion.data_folder import DataFolder, Reading, Record
from distill_core.ingestion.examples import MOST_KEPT, Example, Part, keep_examples, png_of
from distill_core.signature import NO_LABEL, PADDING
from distill_core.spec import Choice

_MOST_NUMBERS = 64
_MOST_TAGS = 32


def read_samples(folder: DataFolder, record: Record, cache: Path) -> Reading:
    """Loads the whole data set once; raises LabError. The reading's times are for the caller to set."""
    choice = Choice(name=record.entry, params={**record.params, "path": str(folder.upload(record))})
    entry, params = datasets.REGISTRY.resolve(choice)
    try:
        samples = entry.load(params, cache)
    finally:
        # Also, and most of all, of a table that was refused.
        if isinstance(params, TextTableParams):
            list_bad_rows(
                Path(params.path), folder.problems, text_column=params.text_column, label_column=params.label_column,
                header=params.header, separator=params.separator, numeric=params.task == "regression",
            )
    keep_examples(folder.examples, _examples(samples))
    known = _known(samples, samples.train_labels)
    total = len(samples.train_inputs) + len(samples.test_inputs)
    return Reading(
        state="ready", started_at=0, done=total, total=total, train=int(known.sum()), test=len(samples.test_inputs),
        unlabelled=int((~known).sum()), class_counts=_class_counts(samples), bad=count_problems(folder.problems),
        kind=samples.kind, shape=samples.shape, task=samples.task, notes=samples.notes,
    )


def _known(samples: Samples, labels: Tensor) -> Tensor:
    """Bool [N]: which samples have a label, of a tagging any."""
    if samples.task == "regression":
        return ~labels.isnan().any(dim=1)
    known = labels != NO_LABEL
    return known if known.dim() == 1 else known.any(dim=1)


def _class_counts(samples: Samples) -> dict[str, dict[str, int]]:
    """Samples of each class, of a tagging those in which it occurs; nothing of a regression."""
    if samples.task == "regression":
        return {}
    counts = {}
    for split, labels in (("train", samples.train_labels), ("test", samples.test_labels)):
        steps = labels.reshape(len(labels), -1)
        found = [int((steps == label).any(dim=1).sum()) for label in range(samples.outputs)]
        counts[split] = dict(zip(samples.class_names, found, strict=True))
    return counts


def _examples(samples: Samples) -> Iterator[tuple[Part, Example, list[str]]]:
    """Evenly spread over each split, with the classes of each."""
    splits: tuple[tuple[Literal["train", "test"], Tensor, Tensor], ...] = (
        ("train", samples.train_inputs, samples.train_labels), ("test", samples.test_inputs, samples.test_labels),
    )
    for split, inputs, labels in splits:
        known = _known(samples, labels)
        for row in torch.linspace(0, len(inputs) - 1, min(len(inputs), MOST_KEPT)).long().unique().tolist():
            image = samples.kind == "image"
            example = Example(
                png=png_of(inputs[row].numpy()) if image else None,
                text="" if image else _text(samples, inputs[row]),
                label=_label(samples, labels[row]) if known[row] else None,
            )
            yield split if known[row] else "unlabelled", example, _classes(samples, labels[row])


def _classes(samples: Samples, label: Tensor) -> list[str]:
    if samples.task == "regression":
        return []
    return [samples.class_names[one] for one in label.reshape(-1).unique().tolist() if one != NO_LABEL]


def _text(samples: Samples, sample: Tensor) -> str:
    """A text as the network reads it; of numbers the first."""
    if samples.kind == "text":
        return " ".join(samples.words[token] for token in sample.tolist() if token != PADDING)
    numbers = sample.flatten().tolist()
    shown = ", ".join(f"{number:.4g}" for number in numbers[:_MOST_NUMBERS])
    return f"{shown}, …" if len(numbers) > _MOST_NUMBERS else shown


def _label(samples: Samples, label: Tensor) -> str:
    if samples.task == "classification":
        return samples.class_names[int(label)]
    if samples.task == "tagging":
        tags = ["–" if tag == NO_LABEL else samples.class_names[tag] for tag in label[:_MOST_TAGS].tolist()]
        return " ".join(tags) + (" …" if len(label) > _MOST_TAGS else "")
    values = label * torch.tensor(samples.label_std) + torch.tensor(samples.label_mean)
    return ", ".join(f"{value:.4g}" for value in values.tolist())
