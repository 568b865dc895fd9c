"""Starts the process that measures latency for the latency lab."""

from __future__ import annotations

import subprocess

from distill_core.jobs.detached import start_detached
from distill_core.jobs.latency_record import LatencyFiles


def start_measuring(files: LatencyFiles, *, now: float) -> subprocess.Popen[bytes]:
    return start_detached(
        "distill_core.jobs.measure_latency", str(files.home.path), files.id, log=files.log, stamp=files.stamp, now=now
    )
