"""The one table of an experiment's states, and what each move changes in its row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distill_core.events import State, StateChanged

ALLOWED: Mapping[State, frozenset[State]] = {
    # Failed: no device that there is could ever take it.
    "queued": frozenset({"starting", "cancelled", "failed"}),
    "starting": frozenset({"running", "failed", "lost", "stopping", "cancelled"}),
    "running": frozenset({"stopping", "succeeded", "failed", "lost", "cancelled"}),
    "stopping": frozenset({"cancelled", "succeeded", "failed", "lost"}),
    "lost": frozenset({"queued", "failed"}),
    # Back to the queue: to resume, or to export more of a finished experiment.
    "succeeded": frozenset({"queued"}),
    "failed": frozenset({"queued"}),
    "cancelled": frozenset({"queued"}),
}
# A worker may be at work.
BUSY: frozenset[State] = frozenset({"starting", "running", "stopping"})
ENDED: frozenset[State] = frozenset({"succeeded", "failed", "cancelled"})
# The dispatcher has something to do.
ACTIVE: frozenset[State] = frozenset(ALLOWED) - ENDED
FRESH: Mapping[str, Any] = {
    "state": "queued", "reason": "", "attempt": 0, "queued_at": None, "started_at": None, "finished_at": None,
    "busy_seconds": 0.0, "failure": "", "token": "", "rank": None,
}


def moved(row: Mapping[str, Any], event: StateChanged) -> dict[str, Any]:
    """The columns a state change gives a row that holds at least FRESH's.

    `started_at` and `finished_at` frame the latest stretch of work; `busy_seconds` sums all finished stretches.
    """
    changes = {name: row[name] for name in FRESH} | {
        "state": event.state, "reason": event.reason, "attempt": event.attempt, "failure": event.failure,
        "token": event.token or row["token"],
    }
    if event.state == "queued":
        # Who was interrupted keeps its place before those that came later; who begins anew comes last.
        place = row["queued_at"] if row["rank"] is None else row["rank"]
        changes |= {
            "queued_at": event.at, "started_at": None, "finished_at": None,
            "rank": place if row["state"] == "lost" else None,
        }
    elif event.state == "starting":
        changes |= {"started_at": event.at, "finished_at": None}
    elif event.state in ENDED or event.state == "lost":
        changes["finished_at"] = event.at
        if row["state"] in BUSY and row["started_at"] is not None:
            # A clock set back must not make the sum shrink.
            changes["busy_seconds"] = row["busy_seconds"] + max(0.0, event.at - row["started_at"])
    return changes
