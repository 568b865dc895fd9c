"""What every executor promises; the same contract tests hold for all of them."""

from __future__ import annotations

from typing import Literal, Protocol

from distill_core.folders import ExperimentFolder


class Executor(Protocol):
    """Starts one worker per experiment folder and knows whether it is alive."""

    def start(self, folder: ExperimentFolder) -> None:
        """Start `python -m distill_core.jobs.worker FOLDER` detached, and return at once."""
        ...

    def status(self, folder: ExperimentFolder) -> Literal["none", "alive", "gone"]:
        """none: never started or stamped; alive: the stamped process runs; gone: it ran and is no more."""
        ...

    def end(self, folder: ExperimentFolder, *, force: bool) -> None:
        """Ask the worker to stop (SIGTERM); with `force` kill it and all it started. No worker: no-op."""
        ...
