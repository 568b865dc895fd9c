"""An experiment that only exports ends as it had ended before: the trained networks are what they were."""

from __future__ import annotations

from typing import Any

from distill_core.events import Noted, State, StateChanged
from distill_core.folders import ExperimentFolder, read_json, write_json
from distill_core.store.transitions import ENDED


def write_export_request(folder: ExperimentFolder, run_id: str, *, state: State, reason: str) -> None:
    """Ask the next worker for one export; `state` and `reason` tell how the experiment has ended so far."""
    before = {"state": state, "reason": reason}
    write_json(folder.request, {"export": [run_id], "train": False, "before": before})


def ending(folder: ExperimentFolder, event: StateChanged) -> tuple[StateChanged, Noted | None]:
    """The state change to write where `event` is wished, and what the reader must be told of an export's trouble.

    It is `event` itself, unless an experiment ends that was only asked to export.
    """
    request = _request(folder)
    before = request.get("before")
    if event.state not in ENDED or request.get("train", True) or before is None:
        return event, None
    trouble = _trouble(folder, event, before=before["state"], asked=request["export"])
    note = Noted(at=event.at, text=trouble, level="warning") if trouble else None
    return event.model_copy(update={"state": before["state"], "reason": before["reason"]}), note


def _trouble(folder: ExperimentFolder, event: StateChanged, *, before: State, asked: list[str]) -> str:
    """Why the export came to nothing. A worker may only repeat how the training had ended: that is no trouble."""
    if event.state == "cancelled" and (before == "succeeded" or folder.stop_request.exists()):
        return "The export was stopped before its end; ask for it again to have it."
    exported = all(folder.run(run_id).onnx_result.exists() for run_id in asked)
    if event.state == "failed" and not (before == "failed" and exported):
        return f"The export failed: {event.reason or 'see the log.'}"
    return ""


def _request(folder: ExperimentFolder) -> dict[str, Any]:
    """Empty where there is none or a damaged one, with which the worker fails."""
    try:
        return dict(read_json(folder.request))
    except (OSError, ValueError, TypeError):
        return {}
