"""Shared by the faults: a home with processes of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from distill_core.folders import Home
from tests.faults.scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(Home(tmp_path / "home"))
    yield made
    made.clear()
