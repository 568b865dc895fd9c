"""Starts the process that reads an uploaded data set."""

from __future__ import annotations

import subprocess
from pathlib import Path

from distill_core.ingestion.data_folder import DataFolder
from distill_core.jobs.detached import start_detached


def start_reading(folder: DataFolder, *, cache: Path, now: float) -> subprocess.Popen[bytes]:
    return start_detached(
        "distill_core.jobs.ingest", str(folder.path), str(cache), log=folder.log, stamp=folder.stamp, now=now
    )
