"""A process whose clock, not the machine's, can be set while it runs: QUICK_CLOCK names a file of seconds to add."""

from __future__ import annotations

import os
import time
from pathlib import Path

SETTING = "QUICK_CLOCK"


def install() -> None:
    """From here on `time.time` of this process is the machine's plus what the file says at that moment."""
    setting = os.environ.get(SETTING)
    if not setting:
        return
    path, true_clock = Path(setting), time.time

    def moved() -> float:
        return true_clock() + float(path.read_text(encoding="ascii"))

    time.time = moved
