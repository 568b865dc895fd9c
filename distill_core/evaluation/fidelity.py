"""How closely a student follows its teacher, and who of the two is right where they differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_core.evaluation.marks import Marks
from distill_core.evaluation.paired_tests import split_chance


@dataclass(frozen=True)
class Fidelity:
    """One student beside its teacher on the same `total` samples (of a tagging: steps); counts of samples.

    `both_right`, `only_student`, `only_teacher` and `both_wrong` are all of them; `same_mistake` are those of the both
    wrong on which they name the same wrong class. `agreement` in 0..1, `kl` = KL(teacher || student) in nats: they say
    how faithful a student is, not how good (Stanton et al. 2021). `chance`: McNemar's exact test of `only_student`
    against `only_teacher`.
    """

    total: int
    both_right: int
    only_student: int
    only_teacher: int
    both_wrong: int
    same_mistake: int
    agreement: float
    kl: float

    @property
    def chance(self) -> float:
        return split_chance(self.only_student, self.only_teacher)

    @property
    def copied_mistakes(self) -> float | None:
        """The share of the teacher's mistakes on which the student names the same wrong class; None without any."""
        mistakes = self.only_student + self.both_wrong
        return self.same_mistake / mistakes if mistakes else None


def fidelity(student: Marks, teacher: Marks, *, kl: NDArray[np.float64]) -> Fidelity:
    """`kl`: of each sample, see marks.sample_kl. Raises ValueError for marks of different samples."""
    if not (np.array_equal(student.sample, teacher.sample) and np.array_equal(student.label, teacher.label)):
        raise ValueError("the student and the teacher answered different samples; expected the same test set")
    mine, theirs = student.right, teacher.right
    same = student.predicted == teacher.predicted
    return Fidelity(
        total=len(mine), both_right=int((mine & theirs).sum()), only_student=int((mine & ~theirs).sum()),
        only_teacher=int((~mine & theirs).sum()), both_wrong=int((~mine & ~theirs).sum()),
        same_mistake=int((same & ~mine).sum()), agreement=float(same.mean()), kl=float(kl.mean()),
    )
