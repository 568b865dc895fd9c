"""An experiment only asked to export or to examine ends as it had ended before: its networks are what they were."""

from __future__ import annotations

from typing import Any

from distill_core.events import Noted, State, StateChanged
from distill_core.folders import ExperimentFolder, read_json, write_json
from distill_core.store.transitions import ENDED


def write_export_request(folder: ExperimentFolder, run_id: str, *, state: State, reason: str) -> None:
    """Ask the next worker for one export; `state` and `reason` tell how the experiment has ended so far."""
    before = {"state": state, "reason": reason}
    write_json(folder.request, {"export": [run_id], "train": False, "before": before})


def write_examination_request(folder: ExperimentFolder, seed: int, *, state: State, reason: str) -> None:
    """Ask the next worker to examine the networks of a seed; `state` and `reason` as of an export."""
    before = {"state": state, "reason": reason}
    write_json(folder.request, {"examine": {"seed": seed}, "train": False, "before": before})


def examines(folder: ExperimentFolder) -> bool:
    """Whether the last request was to examine networks."""
    return "examine" in _request(folder)


def ending(folder: ExperimentFolder, event: StateChanged) -> tuple[StateChanged, Noted | None]:
    """The state change to write where `event` is wished, and what the reader must be told of the request's trouble.

    It is `event` itself, unless an experiment ends that was only asked to export or to examine.
    """
    request = _request(folder)
    before = request.get("before")
    if event.state not in ENDED or request.get("train", True) or before is None:
        return event, None
    trouble = _trouble(event, examines="examine" in request)
    note = Noted(at=event.at, text=trouble, level="warning") if trouble else None
    return event.model_copy(update={"state": before["state"], "reason": before["reason"]}), note


def _trouble(event: StateChanged, *, examines: bool) -> str:
    """Why what was asked for came to nothing; empty if it came to its end."""
    if examines and event.state == "cancelled":
        return "The examination was stopped before its end; ask for it again, and it goes on from there."
    if examines:
        return f"The examination failed: {event.reason or 'see the log.'}" if event.state == "failed" else ""
    if event.state == "cancelled":
        return "The export was stopped before its end; ask for it again to have it."
    return f"The export failed: {event.reason or 'see the log.'}" if event.state == "failed" else ""


def _request(folder: ExperimentFolder) -> dict[str, Any]:
    """Empty where there is none or a damaged one, with which the worker fails."""
    try:
        return dict(read_json(folder.request))
    except (OSError, ValueError, TypeError):
        return {}
