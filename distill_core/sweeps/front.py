"""Which trials no other beats: the Pareto front over the objectives of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def pareto_front(points: Mapping[int, Sequence[float]]) -> list[int]:
    """Numbers of the points that no other beats; every coordinate is better the smaller it is.

    One beats another that is nowhere worse and somewhere better; equals stand side by side. By the first coordinate,
    then by number.
    """
    # Sorted, a point can only be beaten by one before it.
    order = sorted(points, key=lambda number: (tuple(points[number]), number))
    front: list[int] = []
    for number in order:
        if not any(_beats(points[other], points[number]) for other in front):
            front.append(number)
    return front


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(mine <= theirs for mine, theirs in zip(one, other, strict=True)) and tuple(one) != tuple(other)
