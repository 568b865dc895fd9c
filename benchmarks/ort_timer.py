"""Whether our p50 agrees with ONNX Runtime's own timer.

    python -m benchmarks.ort_timer

ONNX Runtime tells the duration of every run in its profile (event `model_run`). One session is opened as we open all,
but with the profile on, and timed by our code: both timers see the very same runs. Allowed are 5% or 50 us. The last
column is from a second session with the profile off, measured in turns with the first: what the profile itself costs.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
from pathlib import Path

import onnxruntime
import torch
import torchvision

from benchmarks.report import write_result
from distill_core.architectures import REGISTRY
from distill_core.deployment.measuring import CPU, call_of, open_session, session_options
from distill_core.deployment.onnx_export import export_onnx
from distill_core.deployment.timing import ROUNDS as TURNS
from distill_core.deployment.timing import RUNS_TO_SETTLE, time_interleaved
from distill_core.signature import Signature

ROUNDS, REPEATS, WARMUP, LONGEST_SECONDS = 5, 500, 20, 2.0
_BATCHES = (1, 8)


def graphs(folder: Path) -> dict[str, tuple[Path, Signature]]:
    """A tiny graph, a small one and a large one."""
    torch.manual_seed(0)
    digits = Signature(kind="image", shape=(1, 8, 8), outputs=10)
    cifar = Signature(kind="image", shape=(3, 32, 32), outputs=10)
    photo = Signature(kind="image", shape=(3, 224, 224), outputs=1000)
    made: dict[str, tuple[Path, Signature]] = {}
    for name, signature, network in (
        ("small-cnn, 8x8", digits, _ours("small-cnn", digits)),
        ("mobilenet_v3_small, 32x32", cifar, torchvision.models.mobilenet_v3_small(num_classes=10)),
        ("resnet18, 224x224", photo, torchvision.models.resnet18()),
    ):
        path = folder / f"{len(made)}.onnx"
        channels = signature.shape[0]
        export_onnx(network.eval(), path, signature=signature, mean=[0.5] * channels, std=[0.25] * channels)
        made[name] = path, signature
    return made


def _ours(name: str, signature: Signature) -> torch.nn.Module:
    entry = REGISTRY[name]
    network: torch.nn.Module = entry.build(entry.params(), signature)
    return network


def compare(path: Path, signature: Signature, batch: int, folder: Path) -> dict[str, object]:
    """The median of some rounds, a fresh pair of sessions each; all times in microseconds."""
    rounds = [_both_timers(path, signature, batch, folder) for _ in range(ROUNDS)]
    ours, own, plain = (statistics.median(column) for column in zip(*rounds, strict=True))
    differences = sorted(mine - its for mine, its, _ in rounds)
    difference = statistics.median(differences)
    agrees = abs(difference) <= max(0.05 * own, 50)
    return {
        "batch": batch, "our p50 us": round(ours, 1), "its p50 us": round(own, 1),
        "difference us": round(difference, 1), "of rounds": f"{differences[0]:.1f} to {differences[-1]:.1f}",
        "difference %": round(100 * difference / own, 1), "agrees": "yes" if agrees else "NO",
        "p50 us, profile off": round(plain, 1),
    }


def _both_timers(path: Path, signature: Signature, batch: int, folder: Path) -> tuple[float, float, float]:
    """p50 by our timer and by its own of the same runs, and ours of a session without a profile."""
    options = session_options(1)
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    sessions = {
        "profiled": onnxruntime.InferenceSession(str(path), options, providers=[CPU]),
        "plain": open_session(path, threads=1, provider=CPU),
    }
    inputs = torch.rand(batch, *signature.shape).numpy()
    times = time_interleaved(
        {name: call_of(session, inputs, io_binding=False) for name, session in sessions.items()},
        warmup=WARMUP, repeats=REPEATS, longest_seconds=LONGEST_SECONDS,
    )
    assert times is not None
    profile = Path(sessions["profiled"].end_profiling())
    own_us = [event["dur"] for event in json.loads(profile.read_text()) if event.get("name") == "model_run"]
    profile.unlink()
    ours_us, plain_us = (statistics.median(times[name]) * 1e6 for name in ("profiled", "plain"))
    return ours_us, statistics.median(_counted(own_us, len(times["profiled"]))), plain_us


def _counted(events: list[float], counted: int) -> list[float]:
    """Of all runs those that our timer counted: not the warm-up, and not the first runs of a turn."""
    turn = math.ceil(REPEATS / TURNS)
    turns = math.ceil(counted / turn)
    left = events[len(events) - counted - RUNS_TO_SETTLE * turns :]
    size = RUNS_TO_SETTLE + turn
    found = [value for start in range(0, len(left), size) for value in left[start + RUNS_TO_SETTLE : start + size]]
    assert len(found) == counted
    return found


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (path, signature) in graphs(Path(folder)).items():
            # A batch of photos takes half a second.
            batches = _BATCHES if signature.shape[-1] < 224 else _BATCHES[:1]
            rows += [{"graph": name, **compare(path, signature, batch, Path(folder))} for batch in batches]
    write_result("ort_timer", __doc__ or "", rows)
    if any(row["agrees"] != "yes" for row in rows):
        raise SystemExit("The two timers disagree.")


if __name__ == "__main__":
    main()
