"""Decoupled distillation: how sure the teacher is of the label, and how it ranks the other classes, each weighted."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from distill_core.entries import LossEntry, Params
from distill_core.losses.term import StepTensors, TapShapes, TermFunction, labelled_mean


def dkd(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    *,
    target_weight: float,
    non_target_weight: float,
    temperature: float,
    partner_labels: Tensor | None = None,
    share: Tensor | None = None,
) -> Tensor:
    """Mean over the labelled samples of T^2 * (target_weight * target part + non_target_weight * other part), in nats.

    Shapes: logits [B,K], labels int64 [B]; samples labelled NO_LABEL are left out, and a batch without labels gives 0.
    The target part is KL(b_teacher || b_student) of the pair b = (p_label, 1 - p_label), the other part KL of the
    probabilities of all other classes, renormalised; p = softmax(z/T). `kd` is target part + (1 - p_teacher[label]) *
    other part: the weights set free what there the teacher's confidence holds down. The teacher is detached.
    Zhao et al. 2022, https://arxiv.org/abs/2203.08679; their alpha and beta are target_weight and non_target_weight.
    Mixed samples: the mean of both labels, weighted by share, as in cross_entropy.
    """
    student = torch.log_softmax(student_logits / temperature, dim=1)
    teacher = torch.log_softmax(teacher_logits.detach() / temperature, dim=1)

    def of(targets: Tensor) -> Tensor:
        target, others = _parts(student, teacher, targets.clamp(min=0))
        return (target_weight * target + non_target_weight * others) * temperature**2

    return labelled_mean(of, labels, partner_labels=partner_labels, share=share)


def _parts(student: Tensor, teacher: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Both parts [B] of log-probabilities [B,K], all in logarithms: 1 - p would round to 0 where p is near 1."""
    index = labels.unsqueeze(1)
    is_label = torch.zeros_like(student, dtype=torch.bool).scatter(1, index, True)
    student_rest, teacher_rest = (
        logs.masked_fill(is_label, -torch.inf).logsumexp(dim=1, keepdim=True) for logs in (student, teacher)
    )
    student_label, teacher_label = student.gather(1, index), teacher.gather(1, index)
    target = teacher_label.exp() * (teacher_label - student_label) + teacher_rest.exp() * (teacher_rest - student_rest)
    student_others, teacher_others = student - student_rest, teacher - teacher_rest
    terms = teacher_others.masked_fill(is_label, -torch.inf).exp() * (teacher_others - student_others)
    return target.squeeze(1), terms.masked_fill(is_label, 0).sum(dim=1)


class DkdParams(Params):
    target_weight: float = Field(
        1.0, ge=0, le=1000, description="Weight of how sure the teacher is of the label (alpha in the paper)."
    )
    non_target_weight: float = Field(
        8.0, ge=0, le=1000, description="Weight of how the teacher ranks the other classes (beta in the paper)."
    )
    temperature: float = Field(
        4.0, gt=0, le=1000, description="Above 1 it softens the teacher's answer, so that its second choices show."
    )


def build(params: DkdParams, shapes: TapShapes | None) -> TermFunction:
    def term(step: StepTensors) -> Tensor:
        return dkd(
            step.student_logits,
            step.teacher(),
            step.labels,
            target_weight=params.target_weight,
            non_target_weight=params.non_target_weight,
            temperature=params.temperature,
            partner_labels=step.partner_labels,
            share=step.share,
        )

    return term


ENTRY = LossEntry(
    name="dkd",
    title="Decoupled soft labels (DKD)",
    summary="Soft labels with two weights: the label against the rest, and the other classes; best with a warm-up.",
    source="https://arxiv.org/abs/2203.08679",
    params=DkdParams,
    traits=frozenset({"teacher", "labels", "classification", "tagging"}),
    build=build,
)
