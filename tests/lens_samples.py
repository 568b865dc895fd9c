"""A finished experiment on the digits that the lens can look at: real answers, also by epoch, and a withheld class."""

from __future__ import annotations

import json

import numpy as np

from distill_core.evaluation.epoch_answers import EpochAnswers, watched_rows, write_epoch_answers
from distill_core.folders import Home
from distill_core.spec import ExperimentSpec
from distill_core.store.store import Store
from tests.trying_samples import build_tryable_digits

EPOCHS = (1, 3, 6)


def build_lens_digits(
    home: Home, *, withheld: str = "", epochs: tuple[int, ...] = EPOCHS, seeds: int = 1,
    spec: ExperimentSpec | None = None,
) -> str:
    """Students' answers at an epoch are their last ones, so many times fainter; empty: none were kept."""
    identity = build_tryable_digits(home, seeds=seeds, spec=spec)
    folder = home.experiment(identity)
    rows = watched_rows(np.load(folder.test_labels), outputs=10)
    for run in Store(home).experiment(identity).runs:
        place = folder.run(run.run_id)
        final = np.load(place.test_logits)[rows]
        if epochs:
            faint = np.stack([final * (number + 1) / len(epochs) for number in range(len(epochs))])
            write_epoch_answers(place.epoch_answers, EpochAnswers(np.array(epochs), rows, faint.astype(np.float32)))
    if withheld:
        spec = json.loads(folder.spec.read_text())
        spec["data"]["withheld_classes"] = [withheld]
        folder.spec.write_text(json.dumps(spec))
        Store(home).reindex()
    return identity
