"""Squared error with the true values: what learning from labels means for a regression."""

from __future__ import annotations

import torch
from torch import Tensor

from distill_core.entries import LossEntry, Params
from distill_core.losses.term import StepTensors, TapShapes, TermFunction, labelled_mean


def squared_error(
    predictions: Tensor, targets: Tensor, *, partner_labels: Tensor | None = None, share: Tensor | None = None
) -> Tensor:
    """Mean over the known targets of (prediction - target)^2, in squared units of the targets.

    Shapes: predictions and targets [B,D]; targets that are NaN do not count, and a batch without any gives 0. Mixed
    samples have partner_labels [B,D] and share [B]: theirs is share * error(targets) + (1-share) *
    error(partner_labels), with the gradient of the error to the mixed target, and a part that is NaN does not count.
    """

    def of(wanted: Tensor) -> Tensor:
        known = torch.where(wanted.isnan(), 0, wanted).to(predictions.dtype)
        return (predictions - known) ** 2

    return labelled_mean(of, targets, partner_labels=partner_labels, share=share)


class SquaredErrorParams(Params):
    pass


def build(params: SquaredErrorParams, shapes: TapShapes | None) -> TermFunction:
    def term(step: StepTensors) -> Tensor:
        return squared_error(step.student_logits, step.labels, partner_labels=step.partner_labels, share=step.share)

    return term


ENTRY = LossEntry(
    name="squared-error",
    title="Values (squared error)",
    summary="Learn from the labels of a regression: the usual mean squared error.",
    source="https://pytorch.org/docs/stable/generated/torch.nn.MSELoss.html",
    params=SquaredErrorParams,
    traits=frozenset({"labels", "alone", "regression"}),
    build=build,
)
