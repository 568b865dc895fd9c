"""Whether our p50 agrees with ONNX Runtime's own timer.

    python -m benchmarks.ort_timer

ONNX Runtime tells the duration of every run in its profile (event `model_run`). One session is opened as we open all,
but with the profile on, and timed by our code: both timers see the very same runs. Allowed are 5% or 50 us. The last
column is from a second session with the profile off, measured in turns with the first: what the profile itself costs.
"""

from __future__ import annotations

import json
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
from distill_core.deployment.timing import time_interleaved
from distill_core.signature import Signature

REPEATS, WARMUP, LONGEST_SECONDS = 1000, 20, 5.0
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
    options = session_options(1)
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    profiled = onnxruntime.InferenceSession(str(path), options, providers=[CPU])
    plain = open_session(path, threads=1, provider=CPU)
    inputs = torch.rand(batch, *signature.shape).numpy()
    asked = {"profiled": profiled, "plain": plain}
    times = time_interleaved(
        {name: call_of(session, inputs, io_binding=False) for name, session in asked.items()},
        warmup=WARMUP, repeats=REPEATS, longest_seconds=LONGEST_SECONDS,
    )
    assert times is not None
    events = json.loads(Path(profiled.end_profiling()).read_text())
    own_us = [event["dur"] for event in events if event.get("name") == "model_run"]
    ours_us, plain_us = (statistics.median(times[name]) * 1e6 for name in ("profiled", "plain"))
    own = statistics.median(own_us)
    difference = ours_us - own
    agrees = abs(difference) <= max(0.05 * own, 50)
    return {
        "batch": batch, "runs": len(times["profiled"]), "our p50 us": round(ours_us, 1), "its p50 us": round(own, 1),
        "difference us": round(difference, 1), "difference %": round(100 * difference / own, 1),
        "agrees": "yes" if agrees else "NO", "p50 us, profile off": round(plain_us, 1),
    }


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (path, signature) in graphs(Path(folder)).items():
            rows += [{"graph": name, **compare(path, signature, batch, Path(folder))} for batch in _BATCHES]
    write_result("ort_timer", __doc__ or "", rows)
    if any(row["agrees"] != "yes" for row in rows):
        raise SystemExit("The two timers disagree.")


if __name__ == "__main__":
    main()
