"""Chooses the thread count: small networks run slower on several threads than on one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch

MOST_STEPS, MOST_SECONDS, ROUNDS = 5, 0.5, 2
# A second round costs as much again; a first that somebody else's work disturbed costs a whole training its half.
MOST_SECONDS_A_ROUND = 4.0
# A second thread must earn its place; on a shared machine it costs others more than it gains.
WORTH_IT = 0.85


def calibrate_threads(
    step: Callable[[], object], *, most: int, should_stop: Callable[[], bool],
    clock: Callable[[], float] = time.perf_counter,
) -> int:
    """1 or `most`, by the quickest of a few of the given steps with each; leaves torch set to the choice.

    Of very slow steps one with each must do, so that a large network does not keep its user waiting.
    """
    torch.set_num_threads(1)
    if most <= 1:
        return 1
    # The first step allocates.
    step()
    quickest = {1: math.inf, most: math.inf}
    for _ in range(ROUNDS):
        began = clock()
        for threads in quickest:
            torch.set_num_threads(threads)
            quickest[threads] = min(quickest[threads], _quickest(step, should_stop, clock))
        if clock() - began > MOST_SECONDS_A_ROUND:
            break
    chosen = most if quickest[most] < WORTH_IT * quickest[1] else 1
    torch.set_num_threads(chosen)
    return chosen


def _quickest(step: Callable[[], object], should_stop: Callable[[], bool], clock: Callable[[], float]) -> float:
    """Seconds of the quickest of at most MOST_STEPS steps in about MOST_SECONDS; infinity if stopped before one."""
    seconds, began = math.inf, clock()
    for _ in range(MOST_STEPS):
        if should_stop():
            break
        start = clock()
        step()
        end = clock()
        seconds = min(seconds, end - start)
        if end - began > MOST_SECONDS:
            break
    return seconds
