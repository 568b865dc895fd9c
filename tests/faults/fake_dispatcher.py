"""The real dispatcher with fake workers, as a process of its own that a test can kill."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from distill_core.executors.local import LocalExecutor
from distill_core.folders import Home
from distill_core.jobs.dispatcher import run

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    worker = Path(__file__).with_name("fake_worker.py")
    run(Home(Path(sys.argv[1])), LocalExecutor(command=(sys.executable, str(worker))), idle_seconds=float(sys.argv[2]))
