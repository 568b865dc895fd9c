"""Measures the latency of ONNX graphs on this machine, candidates interleaved; loads no torch."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill_core.deployment.measuring import call_of
from distill_core.deployment.session import CPU, open_session
from distill_core.deployment.timing import PAUSE_SECONDS, figures_of, time_interleaved
from distill_core.events import LatencyRow
from distill_core.processor import available_cores
from distill_core.signature import UNKNOWN, Signature


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
    # Every cell begins with a collection, which would look at all that exporting left behind: most of a second each.
    gc.collect()
    gc.freeze()
    try:
        return _cells(
            paths, batches=batches, counts=counts, warmup=warmup, repeats=repeats, signature=signature, machine=machine,
            provider=provider, longest_seconds=longest_seconds, clock=clock, should_stop=should_stop,
        )
    finally:
        gc.unfreeze()


def _cells(
    paths: Mapping[str, Path], *, batches: Sequence[int], counts: Iterable[int], warmup: int, repeats: int,
    signature: Signature, machine: str, provider: str, longest_seconds: float, clock: Callable[[], float],
    should_stop: Callable[[], bool],
) -> dict[str, tuple[LatencyRow, ...]]:
    rows: dict[str, list[LatencyRow]] = {name: [] for name in paths}
    for count in counts:
        sessions = {name: open_session(path, threads=count, provider=provider) for name, path in paths.items()}
        for batch in dict.fromkeys(batches):
            inputs = _random_inputs(signature, batch)
            calls = {name: call_of(session, inputs, io_binding=False) for name, session in sessions.items()}
            times = time_interleaved(
                calls, warmup=warmup, repeats=repeats, longest_seconds=longest_seconds, clock=clock,
                pause_seconds=PAUSE_SECONDS if count > 1 and len(calls) > 1 else 0.0, should_stop=should_stop,
            )
            if times is None:
                return {}
            for name, seconds in times.items():
                figures = figures_of(seconds, batch=batch)
                rows[name].append(
                    LatencyRow(
                        batch=batch, threads=count, provider=provider, p50=figures["p50_ms"], p95=figures["p95_ms"],
                        p99=figures["p99_ms"], repeats=len(seconds), machine=machine,
                    )
                )
    return {name: tuple(found) for name, found in rows.items()}


def _random_inputs(signature: Signature, batch: int) -> NDArray[np.float32] | NDArray[np.int64]:
    """Raw inputs [batch,*shape]: numbers 0..1, or token ids 1..vocabulary-1, without padding."""
    generator = np.random.default_rng(0)
    if signature.kind == "text":
        return generator.integers(UNKNOWN, signature.vocabulary, (batch, *signature.shape), dtype=np.int64)
    return generator.random((batch, *signature.shape), dtype=np.float32)
