"""Shared by the faults: a home with processes of its own, and the catalogue for those that launch through the lab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from distill_core.folders import Home
from distill_core.jobs.catalogue import code_version, load_catalogue
from tests.faults.scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(Home(tmp_path / "home"))
    yield made
    made.clear()


@pytest.fixture(scope="session")
def described(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalogue's file, made once: describing it takes seconds."""
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
