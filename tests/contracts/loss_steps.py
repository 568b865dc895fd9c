"""Steps of training, made up to suit each loss of the registry."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from distill_core.entries import LossEntry
from distill_core.losses import REGISTRY
from distill_core.losses.term import StepTensors, TapShapes, TermFunction

BATCH, CLASSES = 16, 5
ENTRIES = list(REGISTRY)
TAPPING = [entry for entry in ENTRIES if entry.traits & {"map", "embedding"}]
MAPS = TapShapes(student=(3, 4, 4), teacher=(6, 8, 8))


def task_of(entry: LossEntry) -> str:
    return "regression" if "classification" not in entry.traits else "classification"


def shapes_for(entry: LossEntry) -> TapShapes | None:
    return MAPS if entry in TAPPING else None


def term_of(entry: LossEntry, shapes: TapShapes | None = None) -> TermFunction:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return entry.build(entry.resolve({}), shapes or shapes_for(entry))


def tensors(entry: LossEntry, *, seed: int = 0, shapes: TapShapes | None = None) -> StepTensors:
    """A step in which everything of the student wants a gradient and the teacher has had none."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int, of_student: bool = False) -> Tensor:
        return torch.randn(*shape, generator=draw, requires_grad=of_student)

    regression = task_of(entry) == "regression"
    labels = normal(BATCH, CLASSES) if regression else torch.randint(0, CLASSES, (BATCH,), generator=draw)
    step = StepTensors(normal(BATCH, CLASSES, of_student=True), 3 * normal(BATCH, CLASSES), labels)
    shapes = shapes or shapes_for(entry)
    if shapes is not None:
        step = replace(
            step,
            student_tap=normal(BATCH, *shapes.student, of_student=True),
            teacher_tap=normal(BATCH, *shapes.teacher),
        )
    if "weights" in entry.traits:
        student = {"body.weight": normal(4, 3, of_student=True), "head.weight": normal(5, 4, of_student=True)}
        step = replace(
            step, student_weights=student, teacher_weights={"body.weight": normal(4, 3), "head.weight": normal(5, 9)}
        )
    return step


def parts(step: StepTensors) -> tuple[list[Tensor], list[Tensor]]:
    """Tensors of the student and of the teacher."""
    student = [step.student_logits, step.student_tap, *(step.student_weights or {}).values()]
    teacher = [step.teacher_logits, step.teacher_tap, *(step.teacher_weights or {}).values()]
    return [one for one in student if one is not None], [one for one in teacher if one is not None]


def without_teacher(step: StepTensors) -> StepTensors:
    return replace(step, teacher_logits=None, teacher_tap=None, teacher_weights=None)
