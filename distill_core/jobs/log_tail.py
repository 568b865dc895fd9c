"""Reads the end of a log."""

from __future__ import annotations

import os
from pathlib import Path


def read_tail(path: Path, *, lines: int, most_bytes: int) -> str:
    """The last lines of a text file, reading no more than so many bytes; empty if there is no file."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return ""
    with file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - most_bytes))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
