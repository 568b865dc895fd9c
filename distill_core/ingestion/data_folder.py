"""The files of one uploaded data set: the wire between who shows it and the process that reads it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from distill_core.folders import read_json, write_json

Form = Literal["images", "text", "arrays"]
ReadingState = Literal["reading", "ready", "failed"]


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a user said of an upload, written by the shelf alone.

    `params` are those of the dataset entry, without the path; `upload` is the file's name in the folder.
    """

    name: str
    form: Form
    entry: str
    params: dict[str, Any]
    file_name: str
    upload: str
    created_at: float
    owner: str = ""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How far the reading is, and what was found; written by the reading process alone.

    `decoded` is the folder with the decoded copy, `decoded_bytes` its size. Times in seconds since the epoch.
    """

    state: ReadingState
    started_at: float
    ended_at: float | None = None
    reason: str = ""
    done: int = 0
    total: int = 0
    train: int = 0
    test: int = 0
    unlabelled: int = 0
    class_counts: dict[str, dict[str, int]] = field(default_factory=dict)
    bad: int = 0
    kind: str = ""
    shape: tuple[int, ...] = ()
    task: str = ""
    notes: tuple[str, ...] = ()
    decoded: str = ""
    decoded_bytes: int = 0


@dataclass(frozen=True)
class DataFolder:
    """`<home>/data/<id>`; it counts as a data set once `record` is there."""

    path: Path

    @property
    def record(self) -> Path:
        return self.path / "data.json"

    @property
    def reading(self) -> Path:
        return self.path / "reading.json"

    @property
    def stamp(self) -> Path:
        """Of the reading process."""
        return self.path / "process.json"

    @property
    def lock(self) -> Path:
        """Held by the reading process for life, so that two can never read at once."""
        return self.path / "reading.lock"

    @property
    def log(self) -> Path:
        return self.path / "reading.log"

    @property
    def problems(self) -> Path:
        """One JSON line {"file", "reason"} for each file that was left out."""
        return self.path / "problems.jsonl"

    @property
    def deleted(self) -> Path:
        """Its presence hides the data set; nothing is removed, so that removing can be undone."""
        return self.path / "deleted.json"

    @property
    def examples(self) -> Path:
        """Of texts and arrays a number of samples, as JSON lines: see examples.keep_examples."""
        return self.path / "examples.jsonl"

    def upload(self, record: Record) -> Path:
        return self.path / record.upload

    def read_record(self) -> Record:
        """Raises OSError, ValueError, TypeError if there is none or it is damaged."""
        return Record(**read_json(self.record))

    def write_record(self, record: Record) -> None:
        write_json(self.record, asdict(record))

    def read_reading(self) -> Reading | None:
        """None before the process has begun; a damaged file counts as none."""
        try:
            known = {item.name for item in fields(Reading)}
            read = {name: value for name, value in read_json(self.reading).items() if name in known}
            reading = Reading(**read)
        except (FileNotFoundError, ValueError, TypeError, AttributeError):
            return None
        tuples: dict[str, Any] = {"shape": tuple(reading.shape), "notes": tuple(reading.notes)}
        return Reading(**(vars(reading) | tuples))

    def write_reading(self, reading: Reading) -> None:
        write_json(self.reading, asdict(reading))
