"""Measures the latency of ONNX graphs on this machine, candidates interleaved; loads no torch."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from distill_core.deployment.machine import available_cores
from distill_core.deployment.session import CPU, open_session
from distill_core.events import LatencyRow
from distill_core.signature import UNKNOWN, Signature

FEWEST_REPEATS = 20
ROUNDS = 5
# After another candidate's turn the caches hold its weights: these runs are not counted.
RUNS_TO_SETTLE = 2
# The threads of a pool spin for about 25 ms after its last run (measured), on cores the next candidate wants.
PAUSE_SECONDS = 0.03
_SLOW_SECONDS = 0.05


def measure(
    paths: Mapping[str, Path],
    *,
    batches: Sequence[int],
    threads: Sequence[int],
    warmup: int,
    repeats: int,
    signature: Signature,
    machine: str,
    provider: str = CPU,
    longest_seconds: float = 1.5,
    clock: Callable[[], float] = time.perf_counter,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, tuple[LatencyRow, ...]]:
    """Rows for every graph, batch and thread count, in milliseconds a batch of random inputs; texts have full length.

    A graph gets a session of its own for each thread count; 0 threads means all cores and is recorded as their number.
    A cell takes up to `repeats` runs or about `longest_seconds`, but never fewer than 20 runs.
    Asked to stop, it returns {}: half a comparison is none.
    """
    counts = dict.fromkeys(count or available_cores() for count in threads)
    rows: dict[str, list[LatencyRow]] = {name: [] for name in paths}
    for count in counts:
        sessions = {name: open_session(path, threads=count, provider=provider) for name, path in paths.items()}
        for batch in dict.fromkeys(batches):
            inputs = _random_inputs(signature, batch)
            calls = {name: _call(session, inputs) for name, session in sessions.items()}
            times = time_interleaved(
                calls, warmup=warmup, repeats=repeats, longest_seconds=longest_seconds, clock=clock,
                pause_seconds=PAUSE_SECONDS if count > 1 and len(calls) > 1 else 0.0, should_stop=should_stop,
            )
            if times is None:
                return {}
            for name, seconds in times.items():
                p50, p95, p99 = (float(value) * 1000 for value in np.percentile(seconds, (50, 95, 99)))
                rows[name].append(
                    LatencyRow(
                        batch=batch, threads=count, provider=provider, p50=p50, p95=p95, p99=p99,
                        repeats=len(seconds), machine=machine,
                    )
                )
    return {name: tuple(found) for name, found in rows.items()}


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


def _random_inputs(signature: Signature, batch: int) -> NDArray[np.float32] | NDArray[np.int64]:
    """Raw inputs [batch,*shape]: numbers 0..1, or token ids 1..vocabulary-1, without padding."""
    generator = np.random.default_rng(0)
    if signature.kind == "text":
        return generator.integers(UNKNOWN, signature.vocabulary, (batch, *signature.shape), dtype=np.int64)
    return generator.random((batch, *signature.shape), dtype=np.float32)


def _call(session: onnxruntime.InferenceSession, inputs: NDArray[np.generic]) -> Callable[[], object]:
    feed = {session.get_inputs()[0].name: inputs}
    return lambda: session.run(None, feed)


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
