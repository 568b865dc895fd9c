"""What a loss term sees at one training step, and the parameters of terms that read inner layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor

from distill_core.entries import Params
from distill_core.signature import NO_LABEL

__all__ = ["NO_LABEL", "StepTensors", "TapParams", "TapShapes", "TermFunction"]


class TapParams(Params):
    """Base of the parameters of terms that read one tap of each network."""

    student_tap: str = Field("", max_length=200, description="The student's layer; empty: the last that fits.")
    teacher_tap: str = Field("", max_length=200, description="The teacher's layer; empty: the last that fits.")


@dataclass(frozen=True, slots=True)
class TapShapes:
    """Shapes of one sample at the two taps: (C,H,W) of a map, (L,D) of steps, (D,) of a vector."""

    student: tuple[int, ...]
    teacher: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StepTensors:
    """One batch: student_logits [B,K], teacher_logits [B,K] or None, labels int64 [B] or NO_LABEL.

    For tagging B counts steps of all sequences; for regression "logits" are the predicted values [B,D] and labels
    float32 [B,D], with NaN for what the student must not know. Mixed samples have `partner_labels` [B] too, and `share`
    float [B] is how much `labels` count. `student_tap` and `teacher_tap` [B,*shape] are those of the term that reads
    them. Weights by name, for terms that compare them; the teacher's and everything of the teacher is detached.
    """

    student_logits: Tensor
    teacher_logits: Tensor | None
    labels: Tensor
    partner_labels: Tensor | None = None
    share: Tensor | None = None
    student_tap: Tensor | None = None
    teacher_tap: Tensor | None = None
    student_weights: Mapping[str, Tensor] | None = None
    teacher_weights: Mapping[str, Tensor] | None = None

    def teacher(self) -> Tensor:
        """The teacher's logits [B,K], detached; a term that reads them has the trait `teacher`."""
        if self.teacher_logits is None:
            raise ValueError("this step has no teacher, yet a term reads its logits")
        return self.teacher_logits

    def taps(self) -> tuple[Tensor, Tensor]:
        """The student's and the teacher's tap; a term that reads them has the trait `map` or `embedding`."""
        if self.student_tap is None or self.teacher_tap is None:
            raise ValueError("this step has no taps, yet a term reads them")
        return self.student_tap, self.teacher_tap

    def weights(self) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Both networks' weights by name; a term that reads them has the trait `weights`."""
        if self.student_weights is None or self.teacher_weights is None:
            raise ValueError("this step has no weights, yet a term reads them")
        return self.student_weights, self.teacher_weights


TermFunction = Callable[[StepTensors], Tensor]


def labelled_mean(
    loss_of: Callable[[Tensor], Tensor],
    labels: Tensor,
    *,
    partner_labels: Tensor | None = None,
    share: Tensor | None = None,
) -> Tensor:
    """Mean of `loss_of(labels)` over what is labelled; 0 if nothing is.

    `loss_of` gives one finite loss for each label, whatever it gives for NO_LABEL or NaN. Mixed samples count `share`
    [B] for their labels and the rest for their partner's; the part of either that has no label is left out.
    """
    if (partner_labels is None) != (share is None):
        raise ValueError("mixed samples need both partner_labels and share")
    losses = loss_of(labels)
    counts = _known(labels).to(losses.dtype)
    total = losses * counts
    if partner_labels is not None and share is not None:
        own = share.to(losses.dtype).reshape(-1, *[1] * (labels.dim() - 1))
        rest = (1 - own) * _known(partner_labels)
        total = total * own + loss_of(partner_labels) * rest
        counts = counts * own + rest
    count = counts.sum()
    return total.sum() / torch.where(count > 0, count, 1)


def _known(labels: Tensor) -> Tensor:
    return ~labels.isnan() if labels.is_floating_point() else labels != NO_LABEL
