"""Tells the processor and the cores one may use, from what the system says; standard library only.

The bundle's measure.py is made of this file too.
"""

from __future__ import annotations

import math
import os
import platform
from pathlib import Path


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
