"""scikit-learn's handwritten digits, split so that no test writer is seen in training."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from distill_core.datasets.samples import Samples
from distill_core.entries import DatasetEntry, Params, Tell, silent

# The rows are ordered by writer; the scikit-learn MOOC ("Sample grouping") puts a writer's border here.
FIRST_TEST_ROW = 1157
# Of the training rows, as measured once; fixed so that the figures of all experiments compare.
MEAN, STD = 0.3053, 0.3760
SPLIT_NAME = f"sklearn-digits-by-writer-{FIRST_TEST_ROW}"


class DigitsParams(Params):
    pass


def load(params: DigitsParams, cache: Path, tell: Tell = silent) -> Samples:
    """1,157 training and 640 test images, uint8 [N,1,8,8]; ships with scikit-learn."""
    rows = read_rows()
    # Grey values are 0..16; as 0..255 they lose at most 0.002 of the range.
    images = torch.from_numpy(np.round(rows[:, :64] * (255 / 16)).astype(np.uint8)).reshape(-1, 1, 8, 8)
    labels = torch.from_numpy(rows[:, 64].astype(np.int64))
    return Samples(
        train_inputs=images[:FIRST_TEST_ROW],
        train_labels=labels[:FIRST_TEST_ROW],
        test_inputs=images[FIRST_TEST_ROW:],
        test_labels=labels[FIRST_TEST_ROW:],
        class_names=tuple("0123456789"),
        mean=(MEAN,),
        std=(STD,),
    )


def read_rows() -> np.ndarray:
    """float64 [1797,65]: 64 grey values and the digit.

    Read from scikit-learn's file without loading scikit-learn, which would hold up the first step of every training
    as long as torch does; a release that keeps the file elsewhere is asked for it.
    """
    found = find_spec("sklearn")
    for folder in (found.submodule_search_locations or []) if found else []:
        if (file := Path(folder, "datasets", "data", "digits.csv.gz")).exists():
            return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return np.column_stack([bunch.data, bunch.target])


def fingerprint(params: DigitsParams) -> str:
    return SPLIT_NAME


ENTRY = DatasetEntry(
    name="digits",
    title="Handwritten digits (8x8)",
    summary="1,797 real digits of 13 writers, inside scikit-learn; the test writers are never trained on.",
    source="https://archive.ics.uci.edu/dataset/80",
    params=DigitsParams,
    traits=frozenset({"image", "classification"}),
    load=load,
    fingerprint=fingerprint,
)
