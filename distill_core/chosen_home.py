"""Which folder is the home: the one that the environment names, else the platform's place for a user's data."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_path

from distill_core.errors import HomeUnusable


def default_home() -> Path:
    """`DISTILL_HOME`, else the platform's user data folder. Raises HomeUnusable for `~nobody` and a link to itself."""
    chosen = os.environ.get("DISTILL_HOME")
    try:
        return Path(chosen).expanduser().resolve() if chosen else user_data_path("distill-lab", appauthor=False)
    except RuntimeError as error:
        raise HomeUnusable(str(chosen), str(error).rstrip(".")) from error
