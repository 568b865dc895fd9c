"""The one `Lab` that the pages and routes of a server share."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path

from distill_core.folders import Home, default_home
from distill_core.rows import ExperimentView
from distill_core.services import Lab
from pages.ui.recent import Recent

# Well below the two seconds after which a page looks again.
WATCHED_SECONDS = 0.9


@lru_cache(maxsize=4)
def _lab_at(path: Path) -> Lab:
    return Lab(Home(path))


def lab() -> Lab:
    """The lab of `DISTILL_HOME`; built once a home folder."""
    return _lab_at(default_home())


_watched: Recent[ExperimentView] = Recent(fresh_seconds=WATCHED_SECONDS)


def watched(experiment_id: str) -> ExperimentView:
    """An experiment as it was a moment ago, for parts of pages that look again and again. Raises NotFound."""
    return _watched.get((lab(), experiment_id), lambda: lab().experiment(experiment_id), now=time.monotonic())
