"""What every executor promises; the same contract tests hold for all of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from distill_core.errors import LabError
from distill_core.folders import ExperimentFolder, read_json, write_json

WORKER = (sys.executable, "-m", "distill_core.jobs.worker")
"""The command of a worker, but for its folder."""

TOKEN_VARIABLE = "DISTILL_ATTEMPT_TOKEN"
"""The environment variable that tells a worker for which attempt it was started: the token of its placement."""


class ExecutorUnavailable(LabError):
    """What runs the workers cannot be asked now, and may be soon: the attempt is to be made again."""


@dataclass(frozen=True)
class Slot:
    """A device on which work can be placed: one processor or one GPU.

    `name` is unique within the executor. `device` is what the worker calls it: here `cpu` or `cuda:1`; on a cluster,
    where each worker sees only the GPUs it was given, `cpu` or `cuda:0`.
    """

    name: str
    device: str
    title: str
    memory_bytes: int
    free_bytes: int | None = None
    """Of a GPU, what nobody holds now; None where the driver does not tell."""
    node: str = ""
    """Of a cluster, which machine it is of: the processes of one experiment share one."""

    @property
    def is_gpu(self) -> bool:
        return self.device != "cpu"


@dataclass(frozen=True)
class Placement:
    """Where one attempt runs: written by the dispatcher before the start, kept in the folder for its successors.

    `slots` are names of slots, one for each process of a GPU experiment; `device` is what the first process uses.
    `gpu_memory_bytes` 0: the whole device. `token` is the attempt's fencing token.
    """

    token: str
    attempt: int
    slots: tuple[str, ...]
    device: str
    gpu_memory_bytes: int = 0

    def write(self, folder: ExperimentFolder) -> None:
        write_json(folder.placement, asdict(self))


def read_placement(folder: ExperimentFolder) -> Placement | None:
    """None if there is none or a damaged one: then nobody holds the lease."""
    try:
        found: dict[str, Any] = read_json(folder.placement)
        return Placement(**(found | {"slots": tuple(found["slots"])}))
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


class Executor(Protocol):
    """Starts one worker per experiment folder and knows whether it is alive."""

    def slots(self) -> Sequence[Slot]:
        """All devices that work can be placed on, GPUs first; quick, and the same from call to call if nothing changed.

        Raises LabError where they cannot be asked for now.
        """
        ...

    def start(self, folder: ExperimentFolder) -> None:
        """Start `COMMAND FOLDER` detached, with the command that it was built with, and return at once.

        The folder's placement says where, and its token goes to the worker as TOKEN_VARIABLE where the executor can set
        one. Raises Conflict if the folder's worker is alive, ExecutorUnavailable for what may pass.
        """
        ...

    def status(self, folder: ExperimentFolder) -> Literal["none", "alive", "gone"]:
        """none: never started or stamped; alive: its worker may still write; gone: it ran and is no more."""
        ...

    def end(self, folder: ExperimentFolder, *, force: bool) -> None:
        """Ask the worker to stop (SIGTERM); with `force` kill it and all it started. No worker: no-op."""
        ...
