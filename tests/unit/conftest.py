"""Sweeps without processes, for the tests that play them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from distill_core.catalog import Catalogue
from distill_core.folders import Home
from tests.sweep_samples import SweepLab


@pytest.fixture
def sweeps(tmp_path: Path, with_catalogue: Callable[[Home], Home], catalogue: Catalogue) -> SweepLab:
    return SweepLab(with_catalogue(Home(tmp_path / "home")), catalogue)
