"""The audit log: who did what, when, appended to a file of the home folder and never changed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

from distill_core.folders import Home

Action = Literal[
    "launch", "stop", "resume", "export", "delete", "undelete", "purge", "move", "pause", "unpause", "share", "unshare",
    "upload", "remove", "note", "sign-in", "sign-in refused", "backup", "restore", "settings",
    "examine", "report", "extend",
]
_LONGEST_DETAIL = 300


@dataclass(frozen=True)
class Entry:
    """One line. `subject` is the id of what was acted upon, empty where there is none; `detail` is for people."""

    at: float
    actor: str
    action: Action
    subject: str
    detail: str = ""


class Audit:
    """Thread-safe and safe beside other processes: each entry is one short append."""

    def __init__(self, home: Home, *, clock: Callable[[], float]) -> None:
        self._home, self._clock = home, clock

    def record(self, actor: str, action: Action, subject: str = "", *, detail: str = "") -> None:
        """On the disk when this returns. Raises HomeUnusable."""
        entry = Entry(at=self._clock(), actor=actor, action=action, subject=subject, detail=detail[:_LONGEST_DETAIL])
        line = json.dumps(asdict(entry), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        with self._home.usable():
            file = os.open(self._home.audit, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(file, line)
                os.fsync(file)
            finally:
                os.close(file)

    def newest(self, limit: int = 200) -> list[Entry]:
        """The newest entries, newest first; a damaged line is left out."""
        try:
            lines = self._home.audit.read_bytes().splitlines()[-limit:]
        except FileNotFoundError:
            return []
        entries = []
        for line in reversed(lines):
            try:
                entries.append(Entry(**json.loads(line)))
            except (ValueError, TypeError):
                continue
        return entries
