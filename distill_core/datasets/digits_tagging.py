"""Handwritten digits below each other, row by row: at each row the task is to tell which digit it belongs to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from distill_core.datasets import digits
from distill_core.datasets.samples import Samples
from distill_core.entries import DatasetEntry, Params, Tell, silent

ORDER_SEED = 0


class DigitsTaggingParams(Params):
    digits_per_sequence: int = Field(2, ge=1, le=8, description="Digits below each other in one sequence, 8 rows each.")


def load(params: DigitsTaggingParams, cache: Path, tell: Tell = silent) -> Samples:
    """Sequences uint8 [N,8n,8] with labels [N,8n]; each image once, in the split where it is as an image."""
    images = digits.load(digits.DigitsParams(), cache)
    count = params.digits_per_sequence
    train_inputs, train_labels, train_left = _sequences(images.train_inputs, images.train_labels, count)
    test_inputs, test_labels, test_left = _sequences(images.test_inputs, images.test_labels, count)
    left = train_left + test_left
    total = len(images.train_inputs) + len(images.test_inputs)
    return Samples(
        train_inputs=train_inputs,
        train_labels=train_labels,
        test_inputs=test_inputs,
        test_labels=test_labels,
        class_names=images.class_names,
        mean=(digits.MEAN,) * 8,
        std=(digits.STD,) * 8,
        kind="sequence",
        task="tagging",
        notes=(f"{left} of {total:,} digits were left over and are not used.",) if left else (),
    )


def fingerprint(params: DigitsTaggingParams) -> str:
    return f"{params.digits_per_sequence}-in-a-sequence-{ORDER_SEED}-of-{digits.SPLIT_NAME}"


def _sequences(images: Tensor, labels: Tensor, count: int) -> tuple[Tensor, Tensor, int]:
    """Images uint8 [N,1,8,8] in a fixed random order, `count` below each other; and how many were left over."""
    order = torch.from_numpy(np.random.RandomState(ORDER_SEED).permutation(len(images)))
    groups = len(images) // count
    used = order[: groups * count]
    steps = images[used].reshape(groups, count * 8, 8)
    return steps, labels[used].repeat_interleave(8).reshape(groups, count * 8), len(images) - len(used)


ENTRY = DatasetEntry(
    name="digits-tagging",
    title="Handwritten digits, which digit at each row",
    summary="Digits below each other as sequences of rows; each row has a label of its own: the digit it belongs to.",
    source="https://archive.ics.uci.edu/dataset/80",
    params=DigitsTaggingParams,
    traits=frozenset({"sequence", "tagging"}),
    load=load,
    fingerprint=fingerprint,
)
