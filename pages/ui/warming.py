"""Reads the catalogue while the server starts, so that the first click does not wait for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from distill_core.errors import LabError
from pages.ui.session import server_lab

log = logging.getLogger("distill_lab.warming")


def _read_catalogue() -> None:
    try:
        server_lab().catalogue()
    except LabError as error:
        # The page that needs it tries again and shows the sentence.
        log.warning("%s", error.sentence)


@asynccontextmanager
async def warmed(app: Any) -> AsyncIterator[None]:
    """Streamlit's lifespan hook; the server answers at once, the catalogue comes seconds later."""
    threading.Thread(target=_read_catalogue, name="catalogue", daemon=True).start()
    yield
