"""What every exporter promises; the same contract tests hold for all of them."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Mapping
from typing import Protocol

from distill_core.exporters.story import Record

INSTALL = "pip install -r requirements-tools.txt"


class Exporter(Protocol):
    """Writes one experiment's records, in order, into another tool. Any method may raise anything.

    It lives in a process of its own. Who raised is dropped, and a new one is built with the last position that `flush`
    returned; it is then told again what came after that flush, and what it tells twice must show once.
    """

    def write(self, record: Record) -> None:
        """Take a record; it may be kept in memory until `flush`."""
        ...

    def flush(self) -> Mapping[str, int]:
        """Bring all that was taken to where it stays; returns what a successor must know to go on from here."""
        ...

    def close(self) -> None:
        """After the last flush: let go of files and connections."""
        ...


def not_installed(module: str) -> str | None:
    """Why a tool is off, for want of its package; None if it is there. Imports nothing."""
    return None if importlib.util.find_spec(module) else f"Not installed; to have it: {INSTALL}"


def without_password(text: str) -> str:
    """A text for everybody's eyes: user and password are taken out of the addresses in it."""
    return re.sub(r"://[^/@\s]+@", "://", text)


def command(*words: object) -> str:
    """A command line to copy, with the words quoted that need it."""
    return shlex.join(str(word) for word in words)
