"""Remembers what a network in training answers to the watched test samples, and takes no part in its training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from distill_core.evaluation.epoch_answers import (
    EpochAnswers,
    kept_epochs,
    read_epoch_answers,
    watched_rows,
    write_epoch_answers,
)
from distill_core.folders import RunFolder
from distill_core.training.preparation import Checked


class Watched:
    """The samples that all runs of an experiment are watched on: `inputs` [N,*shape] as stored, rows `samples` [N]."""

    def __init__(self, checked: Checked) -> None:
        data = checked.data
        self.samples = watched_rows(data.test_labels.numpy(), outputs=data.signature.outputs)
        self.inputs = data.test_inputs[torch.from_numpy(self.samples)].to(checked.device)


def watched_of(checked: Checked) -> Watched | None:
    """None of other tasks than classification: nobody looks at their answers epoch by epoch."""
    return Watched(checked) if checked.data.task == "classification" and len(checked.data.test_labels) else None


class Diary:
    """One run's answers so far, by epoch."""

    def __init__(self, watched: Watched, *, epochs: int, most: int) -> None:
        self.watched, self._wanted = watched, kept_epochs(epochs, most=most)
        self._logits: dict[int, Tensor] = {}

    def wants(self, epoch: int) -> bool:
        return epoch in self._wanted

    def note(self, epoch: int, logits: Tensor) -> None:
        """Answers float [N,K] at the end of an epoch counted from 1; they stay where they were computed."""
        self._logits[epoch] = logits.detach().float()

    def write(self, folder: RunFolder, *, fence: Callable[[], None] = lambda: None) -> None:
        """Keep all so far, if there are any."""
        if not self._logits:
            return
        epochs = sorted(self._logits)
        logits = torch.stack([self._logits[epoch] for epoch in epochs]).cpu().numpy()
        write_epoch_answers(
            folder.epoch_answers, EpochAnswers(np.array(epochs, np.int64), self.watched.samples, logits), fence=fence
        )

    def read(self, folder: RunFolder, *, until: int) -> None:
        """Take up again what was kept up to an epoch; what is trained again afterwards is noted again, the same."""
        kept = read_epoch_answers(folder.epoch_answers)
        if kept is None or not np.array_equal(kept.samples, self.watched.samples):
            return
        known = {
            int(epoch): torch.from_numpy(kept.logits[place]).to(self.watched.inputs.device)
            for place, epoch in enumerate(kept.epochs) if epoch <= until
        }
        self._logits = known
