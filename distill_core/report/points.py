"""Reads all points of an experiment's curves, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from distill_core.store.store import Store


def every_point(store: Store, experiment_id: str) -> Iterator[tuple[Any, ...]]:
    """As Store.live_points gives them, a batch after the other."""
    cursor = 0
    while True:
        points, following = store.live_points(experiment_id, since=cursor)
        if not points or following <= cursor:
            return
        yield from points
        cursor = following
