"""Shared by the tests of the pipeline and of the shelf."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from distill_core.folders import Home
from distill_core.shelf import Shelf
from tests.integration.pipeline_lab import PipelineLab


@pytest.fixture
def lab(tmp_path: Path) -> PipelineLab:
    return PipelineLab(tmp_path)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(Home(tmp_path / "home"))
    yield made
    for process in made._started:
        process.kill()
        process.wait()
