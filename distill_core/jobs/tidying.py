"""What the dispatcher does for the home folder when it has nothing else to do: the trash goes after its days."""

from __future__ import annotations

import logging
from collections.abc import Callable

from distill_core.audit import Audit
from distill_core.errors import LabError
from distill_core.folders import Home
from distill_core.store.database import IndexUnavailable
from distill_core.store.store import Store
from distill_core.store.trash import trash_days

log = logging.getLogger("distill_lab.dispatcher")
WHO = "dispatcher"


def tidy(home: Home, store: Store, *, clock: Callable[[], float]) -> list[str]:
    """Purge what was deleted long ago; returns whose files are gone. Trouble is logged: the next time tries again."""
    try:
        days = trash_days()
        gone = [] if days is None else store.trash.purge_older(days=days, now=clock())
        for experiment_id in gone:
            log.info("%s: purged, deleted over %d days ago", experiment_id, days)
            Audit(home, clock=clock).record(WHO, "purge", experiment_id, detail=f"deleted over {days} days before")
        for sweep_id in [] if days is None else store.sweeps.purge_older(days=days, now=clock()):
            Audit(home, clock=clock).record(WHO, "purge", sweep_id, detail=f"a sweep, deleted over {days} days before")
        store.trash.sweep()
    except IndexUnavailable:
        raise
    except (LabError, OSError):
        log.exception("the trash could not be emptied")
        return []
    return gone
