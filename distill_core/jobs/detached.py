"""Starts a process of ours that outlives whoever asked for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from distill_core.folders import write_json
from distill_core.processes import Stamp, environment_for_jobs, identity_of

# Threads of numeric libraries would only count against the memory the process uses.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def start_detached(
    module: str, *arguments: str, log: Path, stamp: Path, now: float
) -> subprocess.Popen[bytes]:
    """Detached, so that neither a closed browser nor a restarted server ends it; stamped, so that its death shows."""
    with log.open("ab") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL, stdout=written, stderr=written, start_new_session=True,
            env=environment_for_jobs() | _ONE_THREAD, cwd=Path(__file__).resolve().parents[2],
        )
    identity = identity_of(process.pid)
    if identity is not None:
        held = Stamp(pid=process.pid, start_time=now, identity=identity, attempt=0, events_offset=0)
        write_json(stamp, vars(held))
    return process
