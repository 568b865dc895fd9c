"""Teachers' answers that the home folder keeps for later trainings: their bytes, room for more, and an end to them."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from distill_core.errors import LabError
from distill_core.folders import Home

SETTING = "DISTILL_TEACHER_ANSWERS_GB"
USUAL_GB = 4.0
SPARE_BYTES = 2 * 10**9
"""So much of the disk stays free: answers can be asked again, results cannot."""


@dataclass(frozen=True)
class Limits:
    """A folder with a folder for each teacher and stream, and the bytes that all of them may take."""

    root: Path
    most_bytes: int
    spare_bytes: int = SPARE_BYTES


def limits_of(home: Home) -> Limits:
    """Raises LabError for a setting that is no number of gigabytes."""
    told = os.environ.get(SETTING, "").strip()
    try:
        gigabytes = float(told or USUAL_GB)
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes <= 1e6:
        raise LabError(f"{SETTING} is {told[:40]!r}; allowed: 0 to 1000000 gigabytes, 0 for none. Correct or unset it.")
    return Limits(home.teacher_answers, int(gigabytes * 10**9))


def kept_bytes(home: Home) -> int:
    return sum(_bytes_of(folder) for folder in _folders(home.teacher_answers))


def forget_all(home: Home) -> int:
    """Remove them; returns the bytes freed. A training that reads them asks its teacher from then on."""
    freed = kept_bytes(home)
    for folder in _folders(home.teacher_answers):
        shutil.rmtree(folder, ignore_errors=True)
    return freed - kept_bytes(home)


def make_room(limits: Limits, needed_bytes: int, *, keep: Path) -> bool:
    """Whether so many bytes fit; folders go for it, those not used for longest first, but never `keep`."""
    if needed_bytes > limits.most_bytes:
        return False
    sizes = {folder: _bytes_of(folder) for folder in _folders(limits.root)}
    total = sum(sizes.values())
    for folder in sorted(sizes, key=_used):
        if total + needed_bytes <= limits.most_bytes:
            break
        if folder != keep:
            shutil.rmtree(folder, ignore_errors=True)
            total -= sizes[folder]
    if total + needed_bytes > limits.most_bytes:
        return False
    there = next(path for path in (limits.root, *limits.root.parents) if path.exists())
    return shutil.disk_usage(there).free - needed_bytes >= limits.spare_bytes


def _folders(root: Path) -> list[Path]:
    try:
        return [path for path in root.iterdir() if path.is_dir()]
    except FileNotFoundError:
        return []


def _used(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _bytes_of(folder: Path) -> int:
    total = 0
    for path in folder.glob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            # Somebody else makes room at the same time.
            continue
    return total
