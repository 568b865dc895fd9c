"""Names the machine that a figure was measured on; loads no torch."""

from __future__ import annotations

import math
import os
import platform
from pathlib import Path

import psutil
import pynvml


def available_cores() -> int:
    """Cores this process may use: its affinity, cut to a container's CPU quota where there is one."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(min(affinity, _quota_cores(Path("/sys/fs/cgroup/cpu.max"), affinity)), 1)


def _quota_cores(path: Path, otherwise: int) -> int:
    """The quota of control group version 2, rounded up; `otherwise` when it sets none."""
    try:
        quota, period = path.read_text(encoding="ascii").split()
        return otherwise if quota == "max" else math.ceil(int(quota) / int(period))
    except (OSError, ValueError):
        return otherwise


def machine_name() -> str:
    """Such as "AMD EPYC 7B13, 2 of 16 cores, 1x NVIDIA H100": what a reader needs to judge a latency."""
    usable, present = available_cores(), psutil.cpu_count() or 1
    cores = f"{usable} core{'s' if usable > 1 else ''}" if usable == present else f"{usable} of {present} cores"
    return ", ".join([cpu_model(), cores, *_gpu_names()])


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor as its maker calls it, else its architecture."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "Hardware") and value.strip():
            return " ".join(value.split())
    return platform.processor() or platform.machine() or "unknown processor"


def _gpu_names() -> list[str]:
    try:
        pynvml.nvmlInit()
    # No driver is the common case on a laptop, not a fault.
    except pynvml.NVMLError:
        return []
    try:
        names = [_text(pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(index)))
                 for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()
    return [f"{names.count(name)}x {name}" for name in dict.fromkeys(names)]


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
