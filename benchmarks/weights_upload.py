"""What taking in an uploaded weights file costs: processor time, and the memory of the capped process that reads it.

    python -m benchmarks.weights_upload

Linux only. Each file holds 100 MB of float32 weights in one of the forms that users bring. "above torch" is the peak
without that of a process which only loads torch and ends. Seconds are those of the processor.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from benchmarks.report import write_result

VALUES = 25_000_000
LAYERS = 50
PEAK = re.compile(r"VmHWM:\s+(\d+) kB")


def main() -> None:
    layers = {f"layer{i}.weight": torch.randn(VALUES // LAYERS) for i in range(LAYERS)}
    matrix = torch.randn(5000, VALUES // 5000)
    forms: dict[str, Callable[[Path], None]] = {
        "safetensors": lambda path: save_file(layers, path),
        "state dict, torch.save": lambda path: torch.save(layers, path),
        "state dict, torch.save before 1.6": lambda path: _old(layers, path),
        "checkpoint with another 100 MB left out": lambda path: torch.save(
            {"state_dict": layers, "optimizer": {"momentum": matrix}}, path
        ),
        "one transposed matrix": lambda path: torch.save({"weight": matrix.T}, path),
        "one matrix under two names": lambda path: torch.save({"in": matrix, "out": matrix}, path),
    }
    alone, _ = _measured([sys.executable, "-c", "import torch, safetensors.torch"])
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for form, write in forms.items():
            file, out = Path(name) / "upload.part", Path(name) / "out"
            out.mkdir(exist_ok=True)
            write(file)
            peak, seconds = _measured(
                [sys.executable, "-m", "distill_core.jobs.read_weights", str(file), "--out", str(out)]
            )
            rows.append(
                {
                    "file": form, "size MB": round(file.stat().st_size / 1e6), "peak MB": round(peak / 1e6),
                    "above torch MB": round((peak - alone) / 1e6), "processor s": round(seconds, 1),
                }
            )
            for stored in out.iterdir():
                stored.unlink()
    write_result("weights_upload", str(__doc__), rows)


def _old(layers: dict[str, Tensor], path: Path) -> None:
    torch.save(layers, path, _use_new_zipfile_serialization=False)


def _measured(command: list[str]) -> tuple[int, float]:
    """Peak resident memory in bytes and processor seconds of a process that must succeed."""
    began = _children_seconds()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"})
    peak = 0
    while process.poll() is None:
        # The kernel's own high-water mark; what it tells of a process that has ended includes its parent's.
        found = PEAK.search(Path(f"/proc/{process.pid}/status").read_text())
        peak = max(peak, int(found[1]) * 1024 if found else 0)
        time.sleep(0.005)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return peak, _children_seconds() - began


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
