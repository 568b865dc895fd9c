"""Which of the processes that share a training this one is, and which device each has; needs no torch."""

from __future__ import annotations

from collections.abc import Mapping

from distill_core.errors import Problem, SpecError
from distill_core.executors.executor import Placement

HELPER_MARK = "DISTILL_STARTED_BY_WORKER"
"""Set for helpers that the worker itself started."""


def here(rank: int) -> str:
    """The key by which a helper says in the store that it is there."""
    return f"helper {rank} is here"


def is_one_of_several(environment: Mapping[str, str]) -> bool:
    """Whether torchrun, or what sets the same variables, started this process."""
    return {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= set(environment)


def check_size(environment: Mapping[str, str], processes: int) -> None:
    """The spec names the runs, so what was started must be what it says. Raises SpecError."""
    size = int(environment["WORLD_SIZE"])
    if size != processes:
        raise SpecError([Problem("processes", processes, f"{size}, as many as were started", "Start as many.")])


def devices_of(processes: int, device: str, placement: Placement | None, environment: Mapping[str, str]) -> list[str]:
    """The device of each process; `device` is the first one's, in torch's words."""
    if device == "cpu":
        return ["cpu"] * processes
    if is_one_of_several(environment):
        return [f"cuda:{environment.get('LOCAL_RANK', 0)}"] * processes
    if placement is not None and len(placement.slots) == processes and placement.slots[0] == device:
        return list(placement.slots)
    # On a cluster, and by hand, the GPUs that this worker sees are its own.
    first = int(device.partition(":")[2] or 0)
    return [f"cuda:{first + rank}" for rank in range(processes)]


def is_helper(environment: Mapping[str, str]) -> bool:
    """Whether this process, started as a worker, is to help the worker of rank 0."""
    return is_one_of_several(environment) and environment["RANK"] != "0"


def threads_each(most: int, processes: int, device: str) -> int:
    """The most threads of each process: on the processor they share what there is."""
    return max(1, most // processes) if device == "cpu" else most
