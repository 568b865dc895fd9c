"""`python -m distill_core.jobs.dispatcher HOME`: the one process of a home that dispatches, while there is work."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

from distill_core.errors import LabError
from distill_core.executors.executor import WORKER, Executor
from distill_core.folders import Home
from distill_core.jobs.catalogue import load_catalogue
from distill_core.jobs.dispatching import Dispatcher as Dispatcher
from distill_core.jobs.exporters import Exporters
from distill_core.jobs.sweeping import Sweeper
from distill_core.jobs.tidying import tidy
from distill_core.processes import hold
from distill_core.store.database import IndexUnavailable
from distill_core.store.store import Store
from distill_core.store.transitions import ACTIVE

TICK_SECONDS = 0.1
_LOG_BYTES = 1_000_000
_SECONDS_WITHOUT_INDEX = 1.0

log = logging.getLogger("distill_lab.dispatcher")


def run(
    home: Home, executor: Executor, *, idle_seconds: float = 30.0, exporters: Exporters | None = None
) -> None:
    """Dispatch until nothing is active for `idle_seconds`; returns at once if another dispatcher is at work."""
    lock = _take(home)
    if lock is None:
        return
    store = Store(home)
    dispatcher = Dispatcher(home, store, executor, exporters=exporters)
    sweeper = Sweeper(home, store, cache(lambda: load_catalogue(home)))
    log.info("begins, pid %d", os.getpid())
    while lock is not None:
        try:
            with store.only_dispatcher() as held:
                if not held():
                    log.info("leaves, another dispatcher works on this database")
                    return
                _until_idle(dispatcher, sweeper, idle_seconds, held)
            tidy(home, store, clock=time.time)
        except IndexUnavailable as error:
            # Workers go on meanwhile; this lock stays, so that no second dispatcher waits beside this one.
            log.warning("%s", error)
            time.sleep(_SECONDS_WITHOUT_INDEX)
            continue
        lock.close()
        # Who launched while the lock was still held relied on this process.
        lock = _take(home) if store.in_states(ACTIVE) or store.sweeps.going() else None
    log.info("leaves, nothing to do")


def _until_idle(
    dispatcher: Dispatcher, sweeper: Sweeper, idle_seconds: float, held: Callable[[], bool]
) -> None:
    """Returns when there was nothing to do for long. Raises IndexUnavailable."""
    last_active = time.monotonic()
    while time.monotonic() - last_active < idle_seconds:
        try:
            # Both: what the one begins the other looks after.
            if any([dispatcher.tick(), sweeper.tick()]):
                last_active = time.monotonic()
            if not held():
                raise IndexUnavailable("The connection that makes this the only dispatcher was lost.")
        except IndexUnavailable:
            raise
        except Exception:
            # The index was busy for very long, or the disk is full: the work in the folders goes on meanwhile.
            log.exception("a tick failed")
            time.sleep(1.0)
        time.sleep(TICK_SECONDS)


def _take(home: Home) -> IO[str] | None:
    """The dispatcher's lock. Tried a few times, because somebody probing it holds it for an instant."""
    for _ in range(5):
        lock = hold(home.dispatcher_lock)
        if lock is not None:
            return lock
        time.sleep(0.05)
    return None


def main(arguments: list[str]) -> int:
    from distill_core.executors import chosen_executor

    home = Home(Path(arguments[0]).resolve())
    idle_seconds = float(arguments[1]) if len(arguments) > 1 else 30.0
    try:
        entry = chosen_executor()
        with home.usable():
            handler = RotatingFileHandler(home.dispatcher_log, maxBytes=_LOG_BYTES, backupCount=2)
    except LabError as error:
        print(error.sentence, file=sys.stderr)
        return 1
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        with suppress(KeyboardInterrupt):
            run(home, entry.build(entry.resolve({}), WORKER), idle_seconds=idle_seconds, exporters=Exporters())
    except LabError as error:
        # Nonsense in the environment, or a home that became unusable.
        log.error("%s", error.sentence)
        print(error.sentence, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
