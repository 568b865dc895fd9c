"""What every executor promises; the same contract tests hold for all of them."""

from __future__ import annotations

import sys
from typing import Literal, Protocol

from distill_core.folders import ExperimentFolder

WORKER = (sys.executable, "-m", "distill_core.jobs.worker")
"""The command of a worker, but for its folder."""


class Executor(Protocol):
    """Starts one worker per experiment folder and knows whether it is alive."""

    def start(self, folder: ExperimentFolder) -> None:
        """Start `COMMAND FOLDER` detached, with the command that it was built with, and return at once."""
        ...

    def status(self, folder: ExperimentFolder) -> Literal["none", "alive", "gone"]:
        """none: never started or stamped; alive: the stamped process runs; gone: it ran and is no more."""
        ...

    def end(self, folder: ExperimentFolder, *, force: bool) -> None:
        """Ask the worker to stop (SIGTERM); with `force` kill it and all it started. No worker: no-op."""
        ...
