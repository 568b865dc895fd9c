"""Keeps a worker's own log from filling the disk: what is too long is cut down to its newest part."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

LARGEST_BYTES = 16 * 2**20
KEPT_BYTES = 2**20
_SECONDS_BETWEEN_LOOKS = 0.25


class LogCap:
    """While it is entered, looks a few times a second after the file that this process's output goes to.

    Only if that file is `path`: whoever runs a worker by hand sees all it says. The file is cut in place, so that the
    process and all it started go on writing to it; what is written within the instant of a cut may be lost.
    """

    def __init__(self, path: Path, *, largest_bytes: int = LARGEST_BYTES, kept_bytes: int = KEPT_BYTES) -> None:
        self._path, self._largest_bytes, self._kept_bytes = path, largest_bytes, kept_bytes
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="log-cap", daemon=True)

    def __enter__(self) -> LogCap:
        if self._is_ours():
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
            self.cut()

    def cut(self) -> None:
        """Cut the log if it is too long now. Trouble with the disk is the log's alone."""
        try:
            with self._path.open("r+b") as file:
                size = file.seek(0, os.SEEK_END)
                if size <= self._largest_bytes:
                    return
                file.seek(size - self._kept_bytes)
                newest = file.read().partition(b"\n")[2]
                # Its writers append, so that they go on behind whatever is there.
                file.truncate(0)
                file.seek(0)
                file.write(b"[%d bytes of an overlong log were cut here]\n" % (size - len(newest)) + newest)
        except OSError as error:
            print(f"the log could not be cut: {error}", file=sys.stderr)
            self._over.wait(10.0)

    def _is_ours(self) -> bool:
        try:
            # 1: standard output, whatever Python made of it.
            return os.path.samestat(os.fstat(1), self._path.stat())
        except OSError:
            return False

    def _watch(self) -> None:
        while not self._over.wait(_SECONDS_BETWEEN_LOOKS):
            self.cut()
