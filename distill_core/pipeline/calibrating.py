"""Chooses the samples that quantization is calibrated with: from what the variant learnt from, never test data."""

from __future__ import annotations

import numpy as np

from distill_core.compression_step import Calibration, CompressionRefused
from distill_core.deployment.parity import as_inputs
from distill_core.planned import PlannedRun
from distill_core.training.preparation import Checked


def calibration(checked: Checked, run: PlannedRun, count: int) -> Calibration:
    """Up to `count` evenly spread training samples as the exported graph takes them. Raises CompressionRefused."""
    if run.student is not None:
        indices = checked.transfer(seed=run.seed, kind=run.transfer).indices
    else:
        indices = checked.split.teacher
    if count and not len(indices):
        raise CompressionRefused(
            "There is no training sample to calibrate with; quantize dynamically, which needs none, or give the "
            "variant samples."
        )
    places = np.unique(np.linspace(0, max(len(indices) - 1, 0), min(count, len(indices))).round().astype(np.int64))
    stored = checked.data.train_rows(indices[places]).numpy()
    return Calibration(inputs=as_inputs(stored, checked.signature), input_name=checked.signature.input_name)
