"""The catalogue, described once by a real child process for all tests that need it without torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from distill_core.folders import Home
from distill_core.jobs.catalogue import code_version, load_catalogue


@pytest.fixture(scope="session")
def described(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue's JSON file."""
    home = Home(tmp_path_factory.mktemp("described"))
    load_catalogue(home)
    return home.catalogue(code_version())


@pytest.fixture
def with_catalogue(described: Path) -> Callable[[Home], Home]:
    """Gives a home its cached catalogue, as a used home has it."""

    def give(home: Home) -> Home:
        home.cache.mkdir(parents=True, exist_ok=True)
        home.catalogue(code_version()).write_bytes(described.read_bytes())
        return home

    return give
