"""How a network does on held-out samples while it trains, by task."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from distill_core.signature import NO_LABEL, Task


@dataclass(frozen=True)
class Scores:
    """One look at the held-out samples.

    `success`, higher is better: accuracy 0..1, of a regression R2. `error`, lower is better: NLL in nats, of a
    regression the squared error in units of the training targets' variance. `teacher_kl`: KL(teacher || student) at
    T=1, None without a teacher and of a regression.
    """

    task: Task
    success: float
    error: float
    teacher_kl: float | None

    def of_event(self) -> dict[str, Any]:
        """The fields of EpochEnded."""
        nothing = math.nan
        if self.task == "regression":
            return {
                "validation_accuracy": nothing, "validation_nll": nothing, "validation_r2": self.success,
                "validation_mse": self.error, "raw_kl": None,
            }
        return {"validation_accuracy": self.success, "validation_nll": self.error, "raw_kl": self.teacher_kl}


@torch.no_grad()
def score(logits: Tensor, labels: Tensor, teacher_logits: Tensor | None, *, task: Task) -> Scores:
    """Scores of answers [N,K], [N,L,K] of tagging; labels int64 [N] or [N,L], of a regression float [N,D]."""
    if task == "regression":
        return _of_values(logits.double(), labels.double())
    if task == "tagging":
        counted = labels.flatten() != NO_LABEL
        logits, labels = logits.flatten(0, 1)[counted], labels.flatten()[counted]
        teacher_logits = None if teacher_logits is None else teacher_logits.flatten(0, 1)[counted]
    accuracy = (logits.argmax(1) == labels).double().mean()
    log_student = F.log_softmax(logits.double(), 1)
    nll = F.nll_loss(log_student, labels)
    kl = None
    if teacher_logits is not None:
        log_teacher = F.log_softmax(teacher_logits.double(), 1)
        kl = F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True).item()
    return Scores(task, accuracy.item(), nll.item(), kl)


def _of_values(values: Tensor, targets: Tensor) -> Scores:
    """R2 and squared error, each the mean over the outputs; targets that are NaN do not count."""
    known = ~targets.isnan()
    targets = torch.where(known, targets, 0.0)
    count = known.sum(0).clamp(min=1)
    mean = targets.sum(0) / count
    error = torch.where(known, (values - targets) ** 2, 0.0).sum(0)
    spread = torch.where(known, (targets - mean) ** 2, 0.0).sum(0)
    r2 = 1 - error / spread.clamp(min=torch.finfo(torch.float64).tiny)
    return Scores("regression", r2.mean().item(), (error / count).mean().item(), None)
