"""Shared by all tests: small threads, and a tiny experiment that trains in a second."""

from __future__ import annotations

import os

# Two test workers with spinning OpenMP threads would slow each other by orders of magnitude.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from distill_core.catalog import Catalogue
from distill_core.folders import Home
from distill_core.jobs.catalogue import code_version, load_catalogue
from distill_core.processes import lock_held
from distill_core.spec import ExperimentSpec, parse_spec
from tests.postgres_server import PostgresServer, served
from tests.ray_cluster import NEEDED, RayCluster, ray_command


def tiny_spec_data() -> dict:
    """JSON of an experiment on the digits that trains in about a second."""

    def kd(temperature: float) -> dict:
        return {"loss": {"name": "kd", "params": {"temperature": temperature}}, "weight": 1.0}

    def labels() -> dict:
        return {"loss": {"name": "cross-entropy"}, "weight": 1.0}

    tiny = {"name": "tiny-cnn", "params": {"width": 4}}
    affine = {"augmentation": {"kind": "affine"}, "fixed_views": 4}
    return {
        "name": "tiny",
        "data": {"dataset": {"name": "digits"}, "student_labels": 100},
        "teacher": {
            "architecture": {"name": "small-cnn", "params": {"width": 8}},
            "training": {"epochs": 2, "steps_per_epoch": 12, "optimizer": {"kind": "adamw", "learning_rate": 0.01}},
            "views": {"augmentation": {"kind": "affine"}, "fixed_views": None},
        },
        "students": [
            {"name": "alone", "architecture": tiny, "terms": [labels()]},
            {"name": "distilled", "architecture": tiny, "terms": [labels(), kd(4.0)]},
            {"name": "distilled, all", "architecture": tiny, "terms": [kd(2.0)], "transfer": "all"},
        ],
        "student_training": {"epochs": 3, "steps_per_epoch": 6, "optimizer": {"kind": "adamw", "learning_rate": 0.03}},
        "student_views": affine,
        "seeds": [0, 1],
        "latency": {"batches": [1], "threads": [1], "warmup": 1, "repeats": 20},
        "device": "cpu",
    }


@pytest.fixture
def spec_data() -> dict:
    return tiny_spec_data()


@pytest.fixture
def tiny_spec(spec_data: dict) -> ExperimentSpec:
    return parse_spec(spec_data)


@pytest.fixture(scope="session")
def described(request: pytest.FixtureRequest) -> Path:
    """The catalogue's file, described by a real child process; once for all test processes and runs of this code."""
    home = Home(Path(request.config.cache.mkdir("described")))
    with lock_held(home.path / "describing.lock"):
        load_catalogue(home)
    return home.catalogue(code_version())


@pytest.fixture(scope="session")
def with_catalogue(described: Path) -> Callable[[Home], Home]:
    """Gives a home its cached catalogue, as a used home has it."""

    def give(home: Home) -> Home:
        home.cache.mkdir(parents=True, exist_ok=True)
        home.catalogue(code_version()).write_bytes(described.read_bytes())
        return home

    return give


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory, with_catalogue: Callable[[Home], Home]) -> Catalogue:
    """Every entry there is; frozen, so that all tests may share it."""
    return load_catalogue(with_catalogue(Home(tmp_path_factory.mktemp("catalogued"))))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for all tests of this process that ask for it."""
    with served() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def new_index(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Runs a test with both databases; calling it gives homes opened from then on an index of their own."""

    def make() -> None:
        if request.param == "postgresql":
            monkeypatch.setenv("DISTILL_DATABASE_URL", request.getfixturevalue("postgres").database())

    monkeypatch.delenv("DISTILL_DATABASE_URL", raising=False)
    make()
    return make


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[RayCluster]:
    """A head and two nodes, for all tests marked `ray`; whoever kills a node adds another."""
    command = ray_command()
    if command is None:
        pytest.skip(NEEDED)
    cluster = RayCluster(command)
    try:
        cluster.start(nodes=2)
        yield cluster
    finally:
        cluster.close()
