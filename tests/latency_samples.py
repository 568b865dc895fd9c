"""Real little graphs for the exported runs of a made-up experiment, and reports as other machines write them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from distill_core.deployment.measuring import digest_of, report
from distill_core.deployment.timing import figures_of
from distill_core.folders import Home, RunFolder
from distill_core.rows import MeasuredRow, RunRow
from distill_core.store.store import Store
from tests.fixtures import build_finished_experiment, preset_spec


def write_graph(path: Path, *, hidden: int, seed: int = 0) -> Path:
    """pixels [batch,1,8,8] -> hidden -> ten logits, with test samples beside it."""
    random = np.random.default_rng(seed)
    weights = {
        "first": random.normal(size=(64, hidden)).astype(np.float32),
        "last": random.normal(size=(hidden, 10)).astype(np.float32),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["pixels"], ["flat"]),
            helper.make_node("MatMul", ["flat", "first"], ["middle"]),
            helper.make_node("Relu", ["middle"], ["active"]),
            helper.make_node("MatMul", ["active", "last"], ["logits"]),
        ],
        "little",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    np.savez(RunFolder(path.parent).test_samples, x=random.random((4, 1, 8, 8), dtype=np.float32))
    return path


def exported_experiment(home: Home, experiment_id: str = "one", *, name: str = "first") -> list[RunRow]:
    """A finished experiment whose exported runs lie on the disk: the teacher ten times as large as the others."""
    build_finished_experiment(home, spec=preset_spec(seeds=1, name=name), experiment_id=experiment_id)
    runs = [run for run in Store(home).runs(experiment_ids=[experiment_id]) if run.onnx_path]
    for number, run in enumerate(runs):
        path = home.experiment(experiment_id).path / str(run.onnx_path)
        write_graph(path, hidden=320 if run.role == "teacher" else 32, seed=number)
    return runs


def graph_of(home: Home, run: RunRow) -> Path:
    return home.experiment(run.experiment_id).path / str(run.onnx_path)


def report_of(
    graphs: Sequence[Path], *, machine: str = "Raspberry Pi 5, 4 cores", seconds: float = 0.001,
    batches: Sequence[int] = (1,),
) -> dict[str, Any]:
    """What measure.py would write; each further graph takes half as long as the one before."""
    named = {digest_of(graph): graph for graph in graphs}
    cells = [
        {
            "model": digest, "provider": "CPUExecutionProvider", "batch": batch, "threads": 1, "io_binding": False,
            **figures_of([seconds * batch / 2**number * (1 + step / 100) for step in range(101)], batch=batch),
            "start_ms": 4.5, "first_ms": 0.5, "memory_bytes": 64_000_000, "runtime_bytes": 54_000_000,
        }
        for number, digest in enumerate(named)
        for batch in batches
    ]
    return report(cells, named, machine=machine, warmup=10)


def report_bytes(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode()


def measured(
    model: str, p50: float, *, result: str = "r1", machine: str = "Test machine", **changes: Any
) -> MeasuredRow:
    """A row with a hundred and one times around its p50."""
    samples = tuple(p50 * (0.9 + 0.2 * step / 100) for step in range(101))
    values: dict[str, Any] = {
        "result_id": result, "measured_at": 1.79e9, "machine": machine, "experiment_id": "e1", "run_id": f"run-{model}",
        "model": model, "role": "teacher" if model == "teacher" else "student",
        "size_bytes": 100_000 if model == "teacher" else 10_000, "provider": "CPUExecutionProvider", "batch": 1,
        "threads": 1, "io_binding": False, "p50": p50, "p95": p50 * 1.09, "p99": p50 * 1.098,
        "samples_per_second": 1000 / p50, "samples_ms": samples,
    }
    return MeasuredRow(**(values | changes))


# Prints whether it holds all that it is given.
HOLDER = (
    "import sys; from pathlib import Path; from distill_core.processes import hold\n"
    "locks = [hold(Path(path)) for path in sys.argv[1:]]\n"
    "print(all(locks), flush=True); input()"
)


@contextmanager
def holding(*paths: Path) -> Iterator[None]:
    """Another process holds these locks."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, *map(str, paths)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None and process.stdout.readline().strip() == "True"
        yield
    finally:
        process.kill()
        process.communicate()
