"""Starts the processes that write into other tools beside a running experiment, and never waits for them."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from distill_core.entries import ExporterEntry
from distill_core.exporters import REGISTRY, switched_on
from distill_core.folders import ExperimentFolder, Home

EXPORTING = (sys.executable, "-m", "distill_core.jobs.exporting")
"""The command of a writer, but for its folder and exporter."""
# Numeric libraries start as many threads as there are cores.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}

log = logging.getLogger("distill_lab.dispatcher")


class Exporters:
    """Of one dispatcher: one detached process an experiment and tool. Nothing that goes wrong here is raised."""

    def __init__(
        self, *, command: Sequence[str] = EXPORTING, tools: Callable[[], list[ExporterEntry]] = switched_on
    ) -> None:
        self._command, self._tools = tuple(command), tools
        self._started: set[Path] = set()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def anew(self, folder: ExperimentFolder) -> None:
        """A worker is about to begin: `beside` starts writers for it, which wait for those that still write."""
        self._started.discard(folder.path)

    def beside(self, folder: ExperimentFolder) -> None:
        """Start what is switched on, once for every worker; asked at every tick."""
        self._reap()
        if folder.path in self._started:
            return
        self._started.add(folder.path)
        try:
            for entry in self._tools():
                process = start_exporting(folder, entry.name, command=self._command)
                self._processes[f"{folder.path.name}, {entry.name}, pid {process.pid}"] = process
        except Exception:
            log.exception("%s: the other tools get nothing from this worker", folder.path.name)

    def _reap(self) -> None:
        """Who has ended must not stay a zombie; how it ended is told where it was not well."""
        for name, process in list(self._processes.items()):
            code = process.poll()
            if code is not None:
                del self._processes[name]
                if code:
                    log.warning("%s: its writer ended with code %d; see its log", name, code)


def start_exporting(
    folder: ExperimentFolder, exporter: str, *, command: Sequence[str] = EXPORTING
) -> subprocess.Popen[bytes]:
    """In a session of its own: it outlives the terminal and the dispatcher, and ends by itself."""
    path = folder.export(exporter, "log")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as output:
        return subprocess.Popen(
            [*command, str(folder.path), exporter], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True, env=os.environ | _ONE_THREAD, cwd=Path(__file__).resolve().parents[2],
        )


def tools_report(home: Home) -> list[dict[str, Any]]:
    """Every other tool, those that are on first: whether it is written to, why not, and how to look at it."""
    report = []
    for entry in REGISTRY:
        reason = entry.why_off()
        report.append({
            "name": entry.name, "title": entry.title, "summary": entry.summary, "on": reason is None,
            "why_off": reason or "", "look": "" if reason else entry.look(home.path),
        })
    return sorted(report, key=lambda tool: not tool["on"])
