"""The real dispatcher with quick workers and room for two. Run as a script: HOME IDLE_SECONDS."""

# ruff: noqa: E402 - the clock comes first
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.faults import moved_clock

# Before anything of ours is loaded that takes the clock by its name.
moved_clock.install()

from distill_core.executors import executor, local
from distill_core.executors.executor import Slot

WORKER = (sys.executable, str(Path(__file__).with_name("quick_worker.py")))


def two_slots(self: local.LocalExecutor) -> list[Slot]:
    gib = 2**30
    return [Slot("cuda:0", "cuda:0", "a pretended GPU", 8 * gib), Slot("cpu", "cpu", "a processor", 8 * gib)]


if __name__ == "__main__":
    # Before the dispatcher is loaded, which takes the command by its name.
    executor.WORKER = WORKER
    local.LocalExecutor.slots = two_slots  # type: ignore[method-assign,assignment]
    from distill_core.jobs import dispatcher

    sys.exit(dispatcher.main(sys.argv[1:]))
