"""Several teachers that answer as one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from distill_core.training.folded import folded


class MeanOfTeachers(nn.Module):
    """Answers with the weighted mean of its teachers' logits (Ba and Caruana 2014, https://arxiv.org/abs/1312.6184)."""

    def __init__(self, teachers: Sequence[nn.Module], weights: Sequence[float]) -> None:
        super().__init__()
        self.teachers = nn.ModuleList(teachers)
        total = sum(weights)
        self.shares = [weight / total for weight in weights]

    def forward(self, inputs: Tensor) -> Tensor:
        """[B,*shape] -> [B,K]."""
        answers = [teacher(inputs) * share for teacher, share in zip(self.teachers, self.shares, strict=True)]
        return torch.stack(answers).sum(0)


def as_one(teachers: Sequence[nn.Module], weights: Sequence[float]) -> nn.Module:
    """The only teacher itself, or the mean of several."""
    return teachers[0] if len(teachers) == 1 else MeanOfTeachers(teachers, weights)


def folded_teacher(teacher: nn.Module) -> nn.Module:
    """A quicker copy that answers the same but for rounding, each teacher's layers folded."""
    if isinstance(teacher, MeanOfTeachers):
        return MeanOfTeachers([folded(one) for one in teacher.teachers], teacher.shares)
    return folded(teacher)


def all_of(teacher: nn.Module) -> list[nn.Module]:
    """Each of them, in their order."""
    return list(teacher.teachers) if isinstance(teacher, MeanOfTeachers) else [teacher]


def first_of(teacher: nn.Module) -> nn.Module:
    """The one whose inner layers and weights terms read."""
    return teacher.teachers[0] if isinstance(teacher, MeanOfTeachers) else teacher
