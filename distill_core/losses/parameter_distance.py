"""Distance of the weights: a student that shares the teacher's shapes stays near the teacher itself."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field
from torch import Tensor

from distill_core.entries import LossEntry, Params
from distill_core.losses.term import StepTensors, TapShapes, TermFunction
from distill_core.signature import TASKS


def parameter_distance(student: Mapping[str, Tensor], teacher: Mapping[str, Tensor], *, l2: float = 0.1) -> Tensor:
    """1/2 * sum over matched weights of |w_student - w_teacher|^2 + l2/2 * sum over the others of |w_student|^2.

    Weights by name, floating-point ones alone. Matched are those of the same name and shape; the others, such as a new
    head, are only kept small. The teacher is detached. Raises ValueError if none match.
    Li et al. 2018 (L2-SP), https://arxiv.org/abs/1802.01483, with the term's weight as their alpha and
    alpha * l2 as their beta.
    """
    near: list[Tensor] = []
    small: list[Tensor] = []
    for name, weights in student.items():
        if not weights.is_floating_point():
            continue
        anchor = teacher.get(name)
        if anchor is not None and anchor.shape == weights.shape:
            near.append((weights - anchor.detach()).square().sum())
        else:
            small.append(weights.square().sum())
    if not near:
        raise ValueError(
            "no weight of the student has the name and shape of one of the teacher's; choose a student cut from the "
            "teacher or of the teacher's architecture"
        )
    total = sum(near[1:], start=near[0])
    return (total + l2 * sum(small[1:], start=small[0]) if small else total) / 2


class ParameterDistanceParams(Params):
    l2: float = Field(
        0.1, ge=0, le=1000, description="How much weights without a match in the teacher, such as a new head's, count."
    )


def build(params: ParameterDistanceParams, shapes: TapShapes | None) -> TermFunction:
    def term(step: StepTensors) -> Tensor:
        return parameter_distance(*step.weights(), l2=params.l2)

    return term


ENTRY = LossEntry(
    name="parameter-distance",
    title="Distance of the weights",
    summary="Stay near the teacher's weights where shapes match, best after starting from them; use a small weight.",
    source="https://arxiv.org/abs/1802.01483",
    params=ParameterDistanceParams,
    traits=frozenset({"teacher", "weights", *TASKS}),
    build=build,
)
