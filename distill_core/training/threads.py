"""Chooses the thread count: small networks run slower on several threads than on one."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

WARM_UP_STEPS, TIMED_STEPS, ROUNDS = 2, 4, 2
# A second thread must earn its place; on a shared machine it costs others more than it gains.
WORTH_IT = 0.85


def calibrate_threads(step: Callable[[], object], *, most: int, clock: Callable[[], float] = time.perf_counter) -> int:
    """1 or `most`, by timing a few of the given steps with each; leaves torch set to the choice."""
    if most <= 1:
        torch.set_num_threads(1)
        return 1
    best: dict[int, float] = {}
    for _ in range(ROUNDS):
        for threads in (1, most):
            torch.set_num_threads(threads)
            for _ in range(WARM_UP_STEPS):
                step()
            start = clock()
            for _ in range(TIMED_STEPS):
                step()
            best[threads] = min(best.get(threads, float("inf")), clock() - start)
    chosen = most if best[most] < WORTH_IT * best[1] else 1
    torch.set_num_threads(chosen)
    return chosen
