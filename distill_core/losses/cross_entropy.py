"""Cross-entropy with the true labels, optionally smoothed: what learning from labels means."""

from __future__ import annotations

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from distill_core.entries import LossEntry, Params
from distill_core.losses.term import NO_LABEL, StepTensors, TapShapes, TermFunction, labelled_mean


def cross_entropy(
    student_logits: Tensor,
    labels: Tensor,
    *,
    label_smoothing: float = 0.0,
    partner_labels: Tensor | None = None,
    share: Tensor | None = None,
) -> Tensor:
    """Mean over the labelled samples of -sum_k q_k log softmax(student_logits)_k, in nats.

    Shapes: student_logits [B,K], labels int64 [B]; samples labelled NO_LABEL do not count, and a
    batch without labels gives 0. q is 1-s+s/K on the true class and s/K elsewhere, s = label_smoothing
    (Szegedy et al. 2016, https://arxiv.org/abs/1512.00567).
    Mixed samples have partner_labels int64 [B] and share float [B]: theirs is share * CE(labels) + (1-share) *
    CE(partner_labels) (Zhang et al. 2018, https://arxiv.org/abs/1710.09412), and a part without a label does not count.
    """

    def of(targets: Tensor) -> Tensor:
        return F.cross_entropy(
            student_logits, targets, ignore_index=NO_LABEL, label_smoothing=label_smoothing, reduction="none"
        )

    return labelled_mean(of, labels, partner_labels=partner_labels, share=share)


def label_smoothing(student_logits: Tensor, labels: Tensor, *, smoothing: float) -> Tensor:
    """Cross-entropy with labels of which the share `smoothing` is spread evenly over all classes, in nats.

    The control that any gain from soft labels must beat: it softens without a teacher. Shapes as in cross_entropy.
    """
    return cross_entropy(student_logits, labels, label_smoothing=smoothing)


class CrossEntropyParams(Params):
    label_smoothing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of each label spread evenly over all classes: a control that needs no teacher.",
    )


def build(params: CrossEntropyParams, shapes: TapShapes | None) -> TermFunction:
    def term(step: StepTensors) -> Tensor:
        return cross_entropy(
            step.student_logits,
            step.labels,
            label_smoothing=params.label_smoothing,
            partner_labels=step.partner_labels,
            share=step.share,
        )

    return term


ENTRY = LossEntry(
    name="cross-entropy",
    title="Labels (cross-entropy)",
    summary="Learn from the labels: the usual classification loss, optionally with smoothed labels.",
    source="https://arxiv.org/abs/1512.00567",
    params=CrossEntropyParams,
    traits=frozenset({"labels", "alone", "classification", "tagging"}),
    build=build,
)
