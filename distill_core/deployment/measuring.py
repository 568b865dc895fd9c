"""Measures ONNX models side by side: latency, start and memory, under given conditions.

The bundle's measure.py is made of this file too: beside timing and processor it imports only onnxruntime, numpy and the
standard library.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from distill_core.deployment.timing import PAUSE_SECONDS, figures_of, time_interleaved
from distill_core.processor import available_cores

FORMAT, VERSION = "distill-lab-latency", 1
CPU = "CPUExecutionProvider"
_LONGEST_PROBE_SECONDS = 300
_ERRORS_ONLY = 3
# Where a provider keeps its arrays; all others compute on the processor's memory.
_OF_CUDA = ("CUDAExecutionProvider", "TensorrtExecutionProvider")
_MEMORY_OF = {**dict.fromkeys(_OF_CUDA, "cuda"), "DmlExecutionProvider": "dml"}


def providers_here() -> list[str]:
    """What this machine's ONNX Runtime can compute on, the processor first; Azure's would ask another machine."""
    present = [name for name in onnxruntime.get_available_providers() if name not in (CPU, "AzureExecutionProvider")]
    return [CPU, *present]


@cache
def find_libraries(provider: str) -> None:
    """CUDA's libraries from pip's packages, where ONNX Runtime looks only if told to; those of the system stay."""
    look = getattr(onnxruntime, "preload_dlls", None)
    if look is not None and provider in _OF_CUDA:
        # It prints what it misses; what is printed here is an answer.
        with redirect_stdout(sys.stderr):
            look()


class CannotMeasure(Exception):
    """What stands in the way, in one sentence."""


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """The conditions of every measurement: so many threads inside one node, one node at a time."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _ERRORS_ONLY
    return options


def open_session(path: Path, *, threads: int, provider: str) -> onnxruntime.InferenceSession:
    find_libraries(provider)
    session = onnxruntime.InferenceSession(str(path), session_options(threads), providers=[provider])
    if session.get_providers()[0] != provider:
        raise CannotMeasure(f"ONNX Runtime could not start {provider} here; choose {CPU}.")
    return session


def call_of(session: onnxruntime.InferenceSession, inputs: np.ndarray, *, io_binding: bool) -> Callable[[], object]:
    """One run of the session. With IO binding inputs and answers stay where the provider computes: no copy is timed."""
    name = session.get_inputs()[0].name
    if not io_binding:
        return lambda: session.run(None, {name: inputs})
    memory = _MEMORY_OF.get(session.get_providers()[0], "cpu")
    binding = session.io_binding()
    placed = onnxruntime.OrtValue.ortvalue_from_numpy(inputs, memory, 0)
    binding.bind_ortvalue_input(name, placed)
    for output in session.get_outputs():
        binding.bind_output(output.name, memory)

    def call() -> None:
        session.run_with_iobinding(binding)
        # A GPU answers "done" before it is.
        binding.synchronize_outputs()

    return call


def batch_of(samples: Path, batch: int) -> np.ndarray:
    """So many inputs, repeating the test samples of a bundle."""
    with np.load(samples, allow_pickle=False) as held:
        stored = held["x"]
    return np.resize(stored, (batch, *stored.shape[1:]))


def probe(graph: Path, samples: Path, *, provider: str, threads: int, batch: int, io_binding: bool) -> dict[str, Any]:
    """Start and memory of one model, told by a process of its own; figures that a system does not give are None.

    start_ms: making the session. first_ms: the first answer. memory_bytes: the most memory the process ever held, with
    Python, numpy and ONNX Runtime; runtime_bytes: what it held before the model came. Raises CannotMeasure.
    """
    asked = {
        "graph": str(graph.resolve()), "samples": str(samples.resolve()), "provider": provider, "threads": threads,
        "batch": batch, "io_binding": io_binding,
    }
    # Within the lab a package holds this code; in a bundle one file does.
    itself = ["-m", f"{__package__}.measure_alone"] if __package__ else [os.path.abspath(__file__)]
    try:
        done = subprocess.run(
            [sys.executable, *itself, "--probe", json.dumps(asked)], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, errors="replace", check=False, timeout=_LONGEST_PROBE_SECONDS,
            cwd=Path(__file__).resolve().parents[2] if __package__ else None,
        )
    except subprocess.TimeoutExpired:
        raise CannotMeasure(f"A batch of {batch} took over {_LONGEST_PROBE_SECONDS} s; choose a smaller one.") from None
    except OSError:
        # Phones let no program start another.
        return {"start_ms": None, "first_ms": None, "memory_bytes": None, "runtime_bytes": None}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"its process ended with code {done.returncode}"])[-1]
        raise CannotMeasure(f"A batch of {batch} could not be run: {last[:200].rstrip('.')}. Choose other conditions.")
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def answer_probe(asked: dict[str, Any]) -> dict[str, Any]:
    inputs = batch_of(Path(asked["samples"]), asked["batch"])
    find_libraries(asked["provider"])
    runtime_bytes = _memory_bytes("VmRSS")
    start = time.perf_counter()
    session = open_session(Path(asked["graph"]), threads=asked["threads"], provider=asked["provider"])
    opened = time.perf_counter()
    call = call_of(session, inputs, io_binding=asked["io_binding"])
    bound = time.perf_counter()
    call()
    first_ms = (time.perf_counter() - bound) * 1000
    for _ in range(2):
        call()
    return {
        "start_ms": round((opened - start) * 1000, 3), "first_ms": round(first_ms, 6),
        "memory_bytes": _memory_bytes("VmHWM"), "runtime_bytes": runtime_bytes,
    }


def _memory_bytes(field: str) -> int | None:
    """Linux tells a process's own peak (VmHWM); what getrusage tells there begins with that of whoever started it."""
    try:
        found = re.search(rf"^{field}:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
        return int(found[1]) * 1024 if found else None
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure_models(
    graphs: Mapping[str, Path],
    samples: Mapping[str, Path],
    *,
    provider: str,
    batches: Sequence[int],
    threads: Sequence[int],
    io_binding: bool,
    warmup: int,
    repeats: int,
    longest_seconds: float,
    open_session: Callable[..., onnxruntime.InferenceSession] = open_session,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[int, int, str], object] = lambda done, total, what: None,
) -> list[dict[str, Any]] | None:
    """A cell for every batch, thread count and model, models interleaved; None if stopped: half of it is none.

    0 threads means all cores. Told of progress: cells done, cells in all, and what is measured now.
    """
    counts = list(dict.fromkeys(count or available_cores() for count in threads))
    sizes = list(dict.fromkeys(batches))
    cells: list[dict[str, Any]] = []
    total, done = len(counts) * len(sizes) * 2, 0
    for count in counts:
        sessions = {name: open_session(path, threads=count, provider=provider) for name, path in graphs.items()}
        for batch in sizes:
            where = f"batch {batch}, {count} thread{'' if count == 1 else 's'}"
            on_progress(done, total, f"start and memory, {where}")
            probes = {}
            for name, path in graphs.items():
                if should_stop():
                    return None
                probes[name] = probe(
                    path, samples[name], provider=provider, threads=count, batch=batch, io_binding=io_binding
                )
            on_progress(done + 1, total, f"latency, {where}")
            calls = {
                name: call_of(session, batch_of(samples[name], batch), io_binding=io_binding)
                for name, session in sessions.items()
            }
            times = time_interleaved(
                calls, warmup=warmup, repeats=repeats, longest_seconds=longest_seconds, should_stop=should_stop,
                pause_seconds=PAUSE_SECONDS if count > 1 and len(calls) > 1 else 0.0,
            )
            if times is None:
                return None
            conditions = {"provider": provider, "batch": batch, "threads": count, "io_binding": io_binding}
            cells += [
                {"model": name, **conditions, **figures_of(seconds, batch=batch), **probes[name]}
                for name, seconds in times.items()
            ]
            done += 2
    on_progress(total, total, "done")
    return cells


def report(cells: Sequence[dict[str, Any]], graphs: Mapping[str, Path], *, machine: str, warmup: int) -> dict[str, Any]:
    """What is written and shown; models are named by the SHA-256 of their files, as the cells name them."""
    return {
        "format": FORMAT, "version": VERSION, "measured_at": round(time.time(), 3), "machine": machine,
        "system": f"{platform.system()} {platform.machine()}"[:100], "warmup": warmup,
        "versions": {
            "python": platform.python_version(), "onnxruntime": onnxruntime.__version__, "numpy": np.__version__,
        },
        "models": [{"digest": name, "size_bytes": path.stat().st_size} for name, path in graphs.items()],
        "cells": list(cells),
    }


def digest_of(graph: Path) -> str:
    """What names a model: the SHA-256 of its file, in hexadecimal."""
    return hashlib.sha256(graph.read_bytes()).hexdigest()
