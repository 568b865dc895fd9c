"""When a run ends and which epoch it keeps; both look at validation data only."""

from __future__ import annotations

import math
from dataclasses import dataclass

from distill_core.evaluation.metrics import metric_title, monitored
from distill_core.events import RunState
from distill_core.signature import Task
from distill_core.spec import Training


@dataclass(frozen=True)
class Stop:
    """Why a run ends: the state it ends in and the rule in words."""

    state: RunState
    rule: str


UNTRAINED = Stop("finished", "Taught as it came, with own weights; nothing was trained.")


@dataclass
class BestEpoch:
    """The best validation so far; epoch 0 means none yet.

    Of equals the latest is kept, for it has trained longer at a lower rate; patience counts from the first of them.
    """

    training: Training
    task: Task
    epoch: int = 0
    accuracy: float = -math.inf
    nll: float = math.inf
    waited: int = 0

    def update(self, epoch: int, *, accuracy: float, nll: float) -> bool:
        """Whether to keep this epoch; counts the epochs without a better one."""
        if self.training.monitor == "accuracy":
            better, equal = accuracy > self.accuracy, accuracy == self.accuracy
        else:
            better, equal = nll < self.nll, nll == self.nll
        self.waited = 0 if better else self.waited + 1
        if better or equal:
            self.epoch, self.accuracy, self.nll = epoch, accuracy, nll
        return better or equal

    def after_epoch(self, epoch: int) -> Stop | None:
        """The stop that patience or the budget asks for."""
        patience = self.training.patience
        measure = metric_title(monitored(self.training.monitor, self.task), self.task)
        if patience is not None and self.waited >= patience:
            return Stop(
                "finished",
                f"Stopped early after epoch {epoch}: {patience} epochs without a better validation {measure}; "
                f"epoch {self.epoch} was kept.",
            )
        if epoch >= self.training.epochs:
            return Stop(
                "finished",
                f"Trained its full {epoch} epochs; epoch {self.epoch} had the best validation {measure} and was kept.",
            )
        return None


def diverged(epoch: int, *, kept: int) -> Stop:
    """The stop of a run whose loss is no number any more."""
    outcome = f"epoch {kept} was kept" if kept else "no epoch was good enough to keep"
    return Stop(
        "diverged",
        f"The loss became NaN or infinite in epoch {epoch}; {outcome}. Lower the learning rate or the weights.",
    )


def requested(epoch: int, *, kept: int) -> Stop:
    """The stop a user asked for."""
    outcome = f"epoch {kept} was kept" if kept else "before its first validation"
    return Stop("stopped", f"Stopped on request in epoch {epoch}; {outcome}. It can be resumed.")
