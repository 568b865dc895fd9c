"""What lies beside an experiment or a sweep that is in the trash."""

from __future__ import annotations

from pathlib import Path

from distill_core.folders import read_json


def deleted_at(path: Path) -> float | None:
    """When `deleted.json` says; None if there is none. A damaged file hides it all the same, as of its own time."""
    try:
        return float(read_json(path)["at"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return path.stat().st_mtime
