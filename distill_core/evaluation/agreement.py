"""How closely a student follows its teacher, whether or not the teacher is right."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distill_core.evaluation.marks import sample_kl
from distill_core.evaluation.probabilities import Logits, as_logits


def agreement(student_logits: ArrayLike, teacher_logits: ArrayLike) -> float:
    """Share of samples, 0..1, on which both name the same class. Shapes: both [N,K]."""
    student, teacher = _both(student_logits, teacher_logits)
    if np.isnan(student).any() or np.isnan(teacher).any():
        return float("nan")
    return float((student.argmax(axis=1) == teacher.argmax(axis=1)).mean())


def teacher_kl(student_logits: ArrayLike, teacher_logits: ArrayLike) -> float:
    """Mean over the samples of KL(teacher || student) at temperature 1, in nats. Shapes: both [N,K].

    It favours distilled students by construction; judge by accuracy and NLL, and read this as fidelity
    (Stanton et al. 2021, https://arxiv.org/abs/2106.05945).
    """
    return float(sample_kl(*_both(student_logits, teacher_logits)).mean())


def _both(student_logits: ArrayLike, teacher_logits: ArrayLike) -> tuple[Logits, Logits]:
    student, teacher = as_logits(student_logits), as_logits(teacher_logits)
    if student.shape != teacher.shape:
        raise ValueError(f"student logits have shape {student.shape}, the teacher's {teacher.shape}; expected the same")
    return student, teacher
