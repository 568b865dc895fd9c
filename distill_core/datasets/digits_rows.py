"""The handwritten digits as sequences: an image's 8 rows are 8 steps of 8 features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from distill_core.datasets import digits
from distill_core.datasets.samples import Samples
from distill_core.entries import DatasetEntry, Params, Tell, silent


class DigitsRowsParams(Params):
    pass


def load(params: DigitsRowsParams, cache: Path, tell: Tell = silent) -> Samples:
    """1,157 training and 640 test sequences, uint8 [N,8,8], split as the images are."""
    images = digits.load(digits.DigitsParams(), cache)
    return replace(
        images,
        train_inputs=images.train_inputs.squeeze(1),
        test_inputs=images.test_inputs.squeeze(1),
        # One scale for all columns, as for the images: those at the border are almost always 0 and would be blown up.
        mean=(digits.MEAN,) * 8,
        std=(digits.STD,) * 8,
        kind="sequence",
    )


def fingerprint(params: DigitsRowsParams) -> str:
    return f"rows-of-{digits.SPLIT_NAME}"


ENTRY = DatasetEntry(
    name="digits-rows",
    title="Handwritten digits, row by row",
    summary="The 1,797 digits as sequences of 8 rows with 8 pixels each, for networks that read step by step.",
    source="https://archive.ics.uci.edu/dataset/80",
    params=DigitsRowsParams,
    traits=frozenset({"sequence", "classification"}),
    load=load,
    fingerprint=fingerprint,
)
