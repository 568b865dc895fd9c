"""One uploaded data set as a page shows it, put together from its folder."""

from __future__ import annotations

from dataclasses import dataclass, field

from distill_core.ingestion.data_folder import DataFolder, Form, Reading, ReadingState, Record
from distill_core.processes import is_alive, is_held, read_stamp
from distill_core.spec import Choice

_INTERRUPTED = "The reading was interrupted before its end; read the data set again."


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """One uploaded data set as a page shows it.

    `done` of `total` files are read so far; `total` is 0 until it is known. `class_counts` has for "train" and "test"
    the samples of each class, empty for a regression. `shape` is of one sample without the batch; kind, shape and task
    are known once it is ready. `reason` is one sentence if it failed. `choice` is what ExperimentSpec.data.dataset
    takes. Times in seconds since the epoch.
    """

    data_id: str
    name: str
    form: Form
    state: ReadingState
    choice: Choice
    file_name: str
    created_at: float
    reason: str = ""
    done: int = 0
    total: int = 0
    started_at: float = 0.0
    ended_at: float | None = None
    train: int = 0
    test: int = 0
    unlabelled: int = 0
    class_counts: dict[str, dict[str, int]] = field(default_factory=dict)
    bad: int = 0
    size_bytes: int = 0
    kind: str = ""
    shape: tuple[int, ...] = ()
    task: str = ""
    notes: tuple[str, ...] = ()
    removed: bool = False
    owner: str = ""


@dataclass(frozen=True, kw_only=True)
class FileProblem:
    """A file or row that was left out, by its name in the upload, and why."""

    file: str
    reason: str


def data_set_of(folder: DataFolder, record: Record) -> DataSet:
    """Whatever state it is in; a reading whose process is gone has failed."""
    reading = folder.read_reading()
    if (reading is None or reading.state == "reading") and not _is_being_read(folder):
        # Once more: it may have ended between the two looks.
        reading = folder.read_reading()
        if reading is None or reading.state == "reading":
            started_at = record.created_at if reading is None else reading.started_at
            reading = Reading(state="failed", started_at=started_at, reason=_INTERRUPTED)
    reading = reading or Reading(state="reading", started_at=record.created_at)
    upload = folder.upload(record)
    return DataSet(
        data_id=folder.path.name, name=record.name, form=record.form, state=reading.state,
        choice=Choice(name=record.entry, params={**record.params, "path": str(upload)}), 
        file_name=record.file_name, owner=record.owner,
        created_at=record.created_at, reason=reading.reason, done=reading.done, total=reading.total,
        started_at=reading.started_at, ended_at=reading.ended_at, train=reading.train, test=reading.test,
        unlabelled=reading.unlabelled, class_counts=reading.class_counts, bad=reading.bad,
        size_bytes=(upload.stat().st_size if upload.exists() else 0) + reading.decoded_bytes, kind=reading.kind,
        shape=reading.shape, task=reading.task, notes=reading.notes, removed=folder.deleted.exists(),
    )


def _is_being_read(folder: DataFolder) -> bool:
    stamp = read_stamp(folder.stamp)
    return (stamp is not None and is_alive(stamp)) or is_held(folder.lock)
