"""Writes files so that a reader or a crash never meets half of one, and reads them back."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_json(path: Path, data: Any) -> None:
    """Replace a JSON file so that a reader or a crash never meets half of it."""
    write_bytes(path, (json.dumps(data, indent=1, allow_nan=False) + "\n").encode())


def write_bytes(
    path: Path, data: bytes, *, before: Path | None = None, fence: Callable[[], None] = lambda: None
) -> None:
    """Replace a file by temporary file, fsync, rename, fsync of the folder.

    `before`, in the same folder, is where the file that was there goes: a crash between leaves one of the two.
    `fence` is called right before the renaming, for writing takes its time; it does not return if the folder was given
    to another process meanwhile.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of this thread alone: two that write one file at once must not meet in one temporary file.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fence()
        if before is not None and path.exists():
            path.replace(before)
        temporary.replace(path)
    except OSError:
        # A full disk must not be kept full by the half that it took.
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def copy_file(source: str, target: str) -> str:
    """A copy with its times, on the disk when this returns; for shutil.copytree. Its name is not: see sync_folder."""
    shutil.copy2(source, target)
    with open(target, "rb") as file:
        os.fsync(file.fileno())
    return target


def sync_folder(path: Path) -> None:
    """Names given, changed or taken away in a folder are on the disk when this returns."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
