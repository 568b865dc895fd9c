"""A dashboard of its own for a benchmark: the server as a process with a home folder, and percentiles."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from distill_core.folders import Home

ROOT = Path(__file__).parent.parent
_LONGEST_START_SECONDS = 120.0


@contextmanager
def dashboard(home: Home, *, log: Path, port: int = 0) -> Iterator[tuple[str, psutil.Process]]:
    """Address and process of a server; what it says goes to `log`. Raises TimeoutError if it does not answer."""
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"DISTILL_HOME": str(home.path)}, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )
    url, until = f"http://127.0.0.1:{port}", time.monotonic() + _LONGEST_START_SECONDS
    try:
        while not _answers(f"{url}/lab/health"):
            if process.poll() is not None or time.monotonic() > until:
                raise TimeoutError(f"The dashboard does not answer: {log.read_text(errors='replace')[-500:]}")
            time.sleep(0.1)
        yield url, psutil.Process(process.pid)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)]


def _answers(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
        return bool(answer.status == 200)
    return False
