"""Times calls in turns, so that whatever drifts on a machine hits all candidates alike.

The bundle's measure.py is made of this file too: only numpy and the standard library are imported here.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

FEWEST_REPEATS = 20
ROUNDS = 5
# After another candidate's turn the caches hold its weights: these runs are not counted.
RUNS_TO_SETTLE = 2
# The threads of a pool spin for about 25 ms after its last run (measured), on cores the next candidate wants.
PAUSE_SECONDS = 0.03
_SLOW_SECONDS = 0.05


class _Clocked:
    """One candidate of a cell: its call, and the seconds of each counted run so far."""

    def __init__(self, call: Callable[[], object], *, wanted: int, longest_seconds: float) -> None:
        self.call, self._wanted, self._longest = call, wanted, longest_seconds
        self.seconds: list[float] = []
        self._spent = 0.0

    @property
    def wants_more(self) -> bool:
        if len(self.seconds) < FEWEST_REPEATS:
            return True
        return len(self.seconds) < self._wanted and self._spent < self._longest

    def run(self, clock: Callable[[], float]) -> float:
        start = clock()
        self.call()
        seconds = clock() - start
        self.seconds.append(seconds)
        self._spent += seconds
        return seconds


def time_interleaved(
    calls: Mapping[str, Callable[[], object]],
    *,
    warmup: int,
    repeats: int,
    longest_seconds: float,
    clock: Callable[[], float] = time.perf_counter,
    pause_seconds: float = 0.0,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, list[float]] | None:
    """Seconds of each counted call, taken in turns so that a drifting clock speed hits all alike; None if stopped.

    `pause_seconds` before each turn let the threads of the one before fall asleep.
    """
    wanted = max(repeats, FEWEST_REPEATS)
    rivals = {name: _Clocked(call, wanted=wanted, longest_seconds=longest_seconds) for name, call in calls.items()}
    with _no_garbage_collection():
        for call in calls.values():
            if not _warm_up(call, runs=warmup, longest_seconds=longest_seconds, clock=clock, should_stop=should_stop):
                return None
        while waiting := [rival for rival in rivals.values() if rival.wants_more]:
            for rival in waiting:
                time.sleep(pause_seconds)
                if should_stop() or not _take_turn(rival, math.ceil(wanted / ROUNDS), clock, should_stop):
                    return None
    return {name: rival.seconds for name, rival in rivals.items()}


def _take_turn(rival: _Clocked, runs: int, clock: Callable[[], float], should_stop: Callable[[], bool]) -> bool:
    for _ in range(RUNS_TO_SETTLE):
        rival.call()
    for _ in range(runs):
        if not rival.wants_more:
            break
        if rival.run(clock) > _SLOW_SECONDS and should_stop():
            return False
    return True


def _warm_up(
    call: Callable[[], object], *, runs: int, longest_seconds: float, clock: Callable[[], float],
    should_stop: Callable[[], bool],
) -> bool:
    """Uncounted runs, cut short for graphs so slow that the first few already settled; False if stopped."""
    start = clock()
    for done in range(runs):
        if done >= 3 and clock() - start > longest_seconds:
            break
        if should_stop():
            return False
        call()
    return True


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """A collection in the middle of a run would be counted as the network's."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def figures_of(seconds: Sequence[float], *, batch: int) -> dict[str, Any]:
    """p50, p95 and p99 of a batch in milliseconds, samples a second at the p50, and every single time."""
    samples_ms = [round(value * 1000, 6) for value in seconds]
    p50, p95, p99 = (float(value) for value in np.percentile(samples_ms, (50, 95, 99)))
    return {
        "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "samples_per_second": batch * 1000 / max(p50, 1e-6),
        "samples_ms": samples_ms,
    }
