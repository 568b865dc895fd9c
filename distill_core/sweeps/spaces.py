"""Combinations of axis values: all of a grid, drawn at random, and how many there are."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from typing import Any

from distill_core.sweep_spec import Axis, SweepSpec, value_json

_MOST_DRAWS = 200
"""Before a space is thought used up."""


def size_of(spec: SweepSpec) -> float:
    """How many combinations there are; infinite where an axis is a range of real numbers."""
    return math.prod(_count(axis) for axis in spec.axes)


def grid(spec: SweepSpec) -> Iterator[dict[str, Any]]:
    """All combinations of listed values, the last axis fastest."""
    columns = [[value_json(value) for value in axis.values] for axis in spec.axes]
    for combination in itertools.product(*columns):
        yield {axis.field: value for axis, value in zip(spec.axes, combination, strict=True)}


def one_by_one(spec: SweepSpec) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Each axis value once, beside the first of all others: (axis, place of the value, combination).

    Of a range both ends.
    """
    first = {axis.field: _listed(axis)[0] for axis in spec.axes}
    for number, axis in enumerate(spec.axes):
        for place, value in enumerate(_listed(axis)):
            yield number, place, first | {axis.field: value}


def drawn(spec: SweepSpec, *, seed: int, number: int) -> Iterator[dict[str, Any]]:
    """Combinations for a trial at random, one after the other: the first that is new is taken.

    A pure function of the axes, the seed and the trial's number, so that a sweep with more trials begins with the same.
    """
    generator = random.Random(f"{seed} {number}")
    for _ in range(_MOST_DRAWS):
        yield {axis.field: _drawn(axis, generator) for axis in spec.axes}


def _listed(axis: Axis) -> list[Any]:
    return [_number(axis, axis.low), _number(axis, axis.high)] if axis.ranged else [*map(value_json, axis.values)]


def _number(axis: Axis, value: Any) -> Any:
    return int(value) if axis.field == "epochs" else value


def _drawn(axis: Axis, generator: random.Random) -> Any:
    if not axis.ranged:
        return value_json(axis.values[generator.randrange(len(axis.values))])
    assert axis.low is not None and axis.high is not None
    if axis.field == "epochs":
        if not axis.log:
            return generator.randint(int(axis.low), int(axis.high))
        value = math.exp(generator.uniform(math.log(axis.low), math.log(axis.high + 1)))
        return min(int(value), int(axis.high))
    if axis.log:
        value = math.exp(generator.uniform(math.log(axis.low), math.log(axis.high)))
    else:
        value = generator.uniform(axis.low, axis.high)
    return rounded(value, axis)


def rounded(value: float, axis: Axis) -> float:
    """To four figures, which people can read and write, within the range."""
    assert axis.low is not None and axis.high is not None
    return min(max(float(f"{value:.4g}"), axis.low), axis.high)


def _count(axis: Axis) -> float:
    if not axis.ranged:
        return len(axis.values)
    assert axis.low is not None and axis.high is not None
    return int(axis.high) - int(axis.low) + 1 if axis.field == "epochs" else math.inf
