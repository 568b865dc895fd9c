"""`python -m distill_core.jobs.helper FOLDER DEVICE`: lends a hand to the worker that trains the experiment there."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
import torch.distributed as dist

from distill_core.errors import LabError
from distill_core.folders import ExperimentFolder
from distill_core.jobs.crew import GPU_OUT_OF_MEMORY, OUT_OF_MEMORY
from distill_core.jobs.ranks import HELPER_MARK, check_size, here
from distill_core.planned import Origin
from distill_core.spec import ExperimentSpec, read_spec
from distill_core.training.helping import help_out
from distill_core.training.preparation import Checked, deep_check
from distill_core.training.team import Team, TeamBroken

_NICENESS_ON_CPU = 10


def main(folder: ExperimentFolder, device: str, environment: Mapping[str, str] = os.environ) -> int:
    """0: the leader said leave, or is gone; others as in `jobs.crew`. Writes nothing into the folder."""
    # A stop is the leader's to hear of: all end with the same step.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    rank, size = int(environment["RANK"]), int(environment["WORLD_SIZE"])
    if device == "cpu":
        os.nice(_NICENESS_ON_CPU)
    try:
        spec = read_spec(folder.spec)
        check_size(environment, spec.processes)
        if HELPER_MARK in environment:
            # The other end is the worker's; it closes however the worker ends.
            threading.Thread(target=_leave_with_the_worker, name="leaver", daemon=True).start()
            store: dist.Store = dist.TCPStore(
                environment["MASTER_ADDR"], int(environment["MASTER_PORT"]), is_master=False
            )
            store.set(here(rank), "yes")
        else:
            store = next(dist.rendezvous("env://"))[0]
        team = Team(store, rank=rank, size=size, device=torch.device(device))
        help_out(team, partial(_check, spec.model_copy(update={"device": device}), folder))
    except TeamBroken as error:
        # Whoever broke it has the story to tell.
        print(f"Process {rank + 1} of {size} leaves: {error.sentence}", file=sys.stderr)
    except LabError as error:
        print(f"Process {rank + 1} of {size}: {error.sentence}", file=sys.stderr)
        return 1
    except torch.OutOfMemoryError as error:
        print(f"Process {rank + 1} of {size}: {error}", file=sys.stderr)
        return GPU_OUT_OF_MEMORY
    except MemoryError:
        return OUT_OF_MEMORY
    return 0


def _check(spec: ExperimentSpec, folder: ExperimentFolder, origin: Origin) -> Checked:
    return deep_check(spec, home=folder.home, origin=origin)


def _leave_with_the_worker() -> None:
    """Nobody ever writes to this process; reading ends when the other end is gone."""
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(ExperimentFolder(Path(sys.argv[1]).resolve()), sys.argv[2]))
