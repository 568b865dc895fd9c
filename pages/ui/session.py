"""The one `Lab` that the pages and routes of a server share."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from distill_core.folders import Home, default_home
from distill_core.services import Lab


@lru_cache(maxsize=4)
def _lab_at(path: Path) -> Lab:
    return Lab(Home(path))


def lab() -> Lab:
    """The lab of `DISTILL_HOME`; built once a home folder."""
    return _lab_at(default_home())
