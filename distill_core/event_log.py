"""Files of events: appended to by one process, read by others while it writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from distill_core.events import AnyEvent, Event, parse_event


class EventLog:
    """Appends events to a file; a half-written last line of a killed predecessor is cut off first."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab+")
        size = self._file.seek(0, os.SEEK_END)
        self._file.seek(0)
        whole = self._file.read().rfind(b"\n") + 1
        if whole < size:
            self._file.truncate(whole)
            self._file.seek(0, os.SEEK_END)

    def __call__(self, event: Event) -> None:
        self._file.write(event.model_dump_json().encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        os.fsync(self._file.fileno())
        self._file.close()


def read_events(path: Path, *, offset: int = 0) -> Iterator[tuple[AnyEvent, int]]:
    """Yield whole events from a byte offset on, each with the offset after it. A missing file is empty."""
    for line, after in whole_lines(path, offset=offset):
        yield parse_event(line), after


def read_lines(path: Path, *, offset: int) -> Iterator[tuple[AnyEvent | None, int]]:
    """Whole lines from a byte offset on, each with the offset after it; None for one that is no event.

    Unlike `read_events` it goes on behind a damaged line: what else the file tells must not be lost.
    """
    for line, after in whole_lines(path, offset=offset):
        try:
            event = parse_event(line)
        except ValueError:
            yield None, after
        else:
            yield event, after


def whole_lines(path: Path, *, offset: int) -> Iterator[tuple[bytes, int]]:
    """Whole lines from a byte offset on, each with the offset after it. A missing file is empty."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            offset += len(line)
            yield line, offset
