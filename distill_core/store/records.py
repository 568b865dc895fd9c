"""From an experiment's folder to its rows: the part of the index that a reindex repeats."""

from __future__ import annotations

import contextlib
import string
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from distill_core.errors import NotFound
from distill_core.event_log import EventLog, read_lines
from distill_core.events import Event
from distill_core.folders import ExperimentFolder, read_json
from distill_core.spec import ExperimentSpec
from distill_core.store.deleted import deleted_at
from distill_core.store.ingest import EventBatch, apply_journal
from distill_core.store.schema import DETAILS, experiments
from distill_core.store.transitions import FRESH

EVENTS_A_TRANSACTION = 2000
_DIGITS = string.digits + string.ascii_lowercase


def new_experiment_id(now: float, randomness: Callable[[int], int]) -> str:
    """12 digits and small letters that sort by time to the millisecond; the last 4 are `randomness(36)` each."""
    number, digits = int(now * 1000), ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits.rjust(8, "0") + "".join(_DIGITS[randomness(36)] for _ in range(4))


def get(connection: Connection, experiment_id: str) -> dict[str, Any]:
    """The experiment's own row; raises NotFound."""
    row = connection.execute(
        select(experiments).where(experiments.c.experiment_id == experiment_id)
    ).mappings().one_or_none()
    if row is None:
        raise unknown(experiment_id)
    return dict(row)


def unknown(experiment_id: str) -> NotFound:
    return NotFound(f"There is no experiment {experiment_id[:60]!r} in this home folder.")


def change(connection: Connection, experiment_id: str, changes: Mapping[str, Any]) -> None:
    if changes:
        connection.execute(update(experiments).where(experiments.c.experiment_id == experiment_id).values(**changes))


def journalled(folder: ExperimentFolder, *events: Event) -> None:
    """Append state changes, and notes on them, to the journal; they are on the disk when this returns."""
    with contextlib.closing(EventLog(folder.journal)) as log:
        for event in events:
            log(event)


def add(connection: Connection, folder: ExperimentFolder, spec: ExperimentSpec) -> None:
    """Insert the row of an experiment's folder; its events are left to `apply_events`."""
    identity = _identity(folder)
    key = identity["idempotency_key"] or None
    if key and connection.scalar(select(experiments.c.experiment_id).where(experiments.c.idempotency_key == key)):
        key = None
    gone = deleted_at(folder.deleted)
    row: dict[str, Any] = {
        **FRESH, "experiment_id": folder.path.name, "idempotency_key": key, "created_at": identity["created_at"],
        "deleted": gone is not None, "deleted_at": gone, "owner": identity["owner"],
        "spec": spec.to_json(), "name": spec.name,
        "dataset": spec.data.dataset.name, "teacher": spec.teacher.architecture.name,
        "students": [student.name for student in spec.students], "seeds": len(spec.seeds),
        "wanted_device": spec.device, "class_names": [], "task": "classification", "input_kind": "image",
        "journal_offset": 0, "events_offset": 0,
    }
    row |= apply_journal(connection, row, read_lines(folder.journal, offset=0))
    connection.execute(insert(experiments).values(**row))


def catch_up(connection: Connection, row: Mapping[str, Any], folder: ExperimentFolder) -> dict[str, Any]:
    """Changes the journal holds that the index does not: a predecessor died between the two."""
    return apply_journal(connection, row, read_lines(folder.journal, offset=row["journal_offset"]))


def apply_events(connection: Connection, row: Mapping[str, Any], folder: ExperimentFolder) -> int:
    """Apply up to EVENTS_A_TRANSACTION new events and move the offset; returns how many there were."""
    begun = row["events_offset"]
    lines = list(islice(read_lines(folder.events, offset=begun), EVENTS_A_TRANSACTION))
    damaged = bool(lines) and lines[0][0] is None
    batch = EventBatch(connection, row["experiment_id"], last_at=_time_before(folder, begun) if damaged else 0.0)
    for event, offset in lines:
        batch.add(event, offset)
    batch.flush()
    if lines:
        change(connection, row["experiment_id"], {"events_offset": lines[-1][1]})
    return len(lines)


def _time_before(folder: ExperimentFolder, offset: int) -> float:
    """When the last event before a place in the file was told; 0 if there is none. It reads all that is before."""
    found = 0.0
    for event, after in read_lines(folder.events, offset=0):
        if after > offset:
            break
        found = found if event is None else event.at
    return found


def forget_details(connection: Connection, experiment_id: str) -> None:
    for table in DETAILS:
        connection.execute(delete(table).where(table.c.experiment_id == experiment_id))


def forget(connection: Connection, experiment_id: str) -> None:
    forget_details(connection, experiment_id)
    connection.execute(delete(experiments).where(experiments.c.experiment_id == experiment_id))


def _identity(folder: ExperimentFolder) -> dict[str, Any]:
    """The identity file, or what stands in for it if it is damaged: the time of the journal's first line."""
    try:
        found = read_json(folder.identity)
        return {
            "created_at": float(found["created_at"]), "idempotency_key": str(found["idempotency_key"]),
            "owner": str(found.get("owner", "")),
        }
    except (OSError, ValueError, KeyError, TypeError):
        first = next((event for event, _ in read_lines(folder.journal, offset=0) if event is not None), None)
        return {"created_at": first.at if first else folder.path.stat().st_mtime, "idempotency_key": "", "owner": ""}
