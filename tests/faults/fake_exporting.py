"""The real writing process with a tool that misbehaves as its name says. Run as a script by the tests."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from distill_core.entries import ExporterEntry, Params, Registry
from distill_core.exporters.story import Record
from distill_core.folders import ExperimentFolder
from distill_core.jobs import exporting

# Only of a tool that hangs: the others may be slow on a busy machine.
HANG_SECONDS = {"hangs": "5"}


class BadTool:
    def __init__(self, behaviour: str) -> None:
        self.behaviour = behaviour

    def write(self, record: Record) -> None:
        if self.behaviour == "raises":
            raise RuntimeError("this tool is broken")
        if self.behaviour == "fills-the-disk":
            raise OSError(28, "No space left on device")
        if self.behaviour == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.behaviour == "hangs":
            time.sleep(600)

    def flush(self) -> Mapping[str, int]:
        return {}

    def close(self) -> None:
        if self.behaviour == "raises":
            raise RuntimeError("nor can it be closed")


def entry(behaviour: str) -> ExporterEntry:
    return ExporterEntry(
        name=behaviour, title=f"A tool that {behaviour}", summary="It is of no use.", source="here", params=Params,
        build=lambda params, folder, position: BadTool(behaviour), why_off=lambda: None, look=str,
    )


def main(folder: str, behaviour: str) -> int:
    exporting.REGISTRY = Registry("exporter", [entry(behaviour)])
    # What a person would wait for would only make the tests wait.
    exporting.MOST_TRIES_AT_REST = 2
    assert exporting.NICENESS == 19
    return exporting.main([str(ExperimentFolder(Path(folder)).path), behaviour, HANG_SECONDS.get(behaviour, "240")])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
