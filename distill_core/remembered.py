"""Keeps what was worked out last from files, so that looking again costs nothing until a file changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class Remembered:
    """The few things used last, by their keys; put `stamp` of every file that they come from into the key.

    Thread-safe. Two that ask at once for what is not there may both make it.
    """

    def __init__(self, *, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What was made last for a key, or made now."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                found: T = self._kept[key]
                return found
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made


def stamp(path: Path) -> tuple[str, int, int]:
    """Changes with the file; also of one that is not there."""
    try:
        status = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), status.st_mtime_ns, status.st_size
