"""Starts the process that measures latency for the latency lab."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from distill_core.folders import write_json
from distill_core.jobs.latency_record import LatencyFiles
from distill_core.processes import Stamp, identity_of

# ONNX Runtime has a pool of its own; threads of numeric libraries would only count as memory.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def start_measuring(files: LatencyFiles, *, now: float) -> subprocess.Popen[bytes]:
    """Detached, so that neither a closed browser nor a restarted server ends it; stamped, so that its death shows."""
    with files.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "distill_core.jobs.measure_latency", str(files.home.path), files.id],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=os.environ | _ONE_THREAD,
            cwd=Path(__file__).resolve().parents[2],
        )
    identity = identity_of(process.pid)
    if identity is not None:
        stamp = Stamp(pid=process.pid, start_time=now, identity=identity, attempt=0, events_offset=0)
        write_json(files.stamp, vars(stamp))
    return process
