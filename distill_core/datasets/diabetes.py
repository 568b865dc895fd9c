"""scikit-learn's diabetes data: how far the disease went in a year, from ten measurements of a patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from distill_core.datasets.samples import Samples
from distill_core.entries import DatasetEntry, Params, Tell, silent

SPLIT_SEED, TEST_ROWS = 0, 88


class DiabetesParams(Params):
    pass


def load(params: DiabetesParams, cache: Path, tell: Tell = silent) -> Samples:
    """354 training and 88 test rows, float32 [N,10] in the measurements' own units; ships with scikit-learn."""
    # Loads scikit-learn, which takes as long as torch: only for those who train on it.
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    order = np.random.RandomState(SPLIT_SEED).permutation(len(bunch.data))
    test, train = np.sort(order[:TEST_ROWS]), np.sort(order[TEST_ROWS:])
    features, values = bunch.data, bunch.target
    mean, std = float(values[train].mean()), float(values[train].std())
    labels = torch.from_numpy(((values - mean) / std).astype(np.float32)).unsqueeze(1)
    inputs = torch.from_numpy(features.astype(np.float32))
    return Samples(
        train_inputs=inputs[train],
        train_labels=labels[train],
        test_inputs=inputs[test],
        test_labels=labels[test],
        class_names=("progression after a year",),
        mean=tuple(float(value) for value in features[train].mean(0)),
        std=tuple(float(value) for value in features[train].std(0)),
        kind="table",
        task="regression",
        label_mean=(mean,),
        label_std=(std,),
    )


def fingerprint(params: DiabetesParams) -> str:
    return f"sklearn-diabetes-{SPLIT_SEED}-{TEST_ROWS}"


ENTRY = DatasetEntry(
    name="diabetes",
    title="Diabetes progression (table)",
    summary="442 real patients with 10 measurements each, inside scikit-learn; the value to predict is a number.",
    source="https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html",
    params=DiabetesParams,
    traits=frozenset({"table", "regression"}),
    load=load,
    fingerprint=fingerprint,
)
