"""Jobs outlive whoever starts them and inherit no secret of signing in."""

import subprocess
from pathlib import Path

import pytest

from distill_core.folders import Home
from distill_core.jobs import detached, preview_client, starting
from distill_core.processes import SIGN_IN_SECRETS
from pages.doors.settings import TOKENS

ENVIRONMENTS: list[dict[str, str]] = []


class Started:
    """In place of a process: keeps the environment that it would have had."""

    pid, returncode = 0, 0

    def __init__(self, command: list[str], *, env: dict[str, str], **_: object) -> None:
        ENVIRONMENTS.append(env)


@pytest.fixture(autouse=True)
def secrets_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ENVIRONMENTS.clear()
    for name in SIGN_IN_SECRETS:
        monkeypatch.setenv(name, "a-secret-of-the-server")
    monkeypatch.setenv("DISTILL_LEASE_SECONDS", "60")
    monkeypatch.setattr(subprocess, "Popen", Started)
    monkeypatch.setattr(subprocess, "run", Started)


def inherited() -> dict[str, str]:
    (environment,) = ENVIRONMENTS
    assert environment["DISTILL_LEASE_SECONDS"] == "60"
    assert environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID", "as the driver numbers the GPUs that the form names"
    return environment


def test_every_start_token_is_known_as_a_secret() -> None:
    assert set(TOKENS) < SIGN_IN_SECRETS


def test_the_dispatcher_inherits_no_secret(tmp_path: Path) -> None:
    starting.ensure_dispatcher(Home(tmp_path))
    assert SIGN_IN_SECRETS.isdisjoint(inherited())


def test_a_detached_job_inherits_no_secret(tmp_path: Path) -> None:
    detached.start_detached("module", log=tmp_path / "log", stamp=tmp_path / "stamp", now=0.0)
    assert SIGN_IN_SECRETS.isdisjoint(inherited())


def test_the_preview_inherits_no_secret(tmp_path: Path) -> None:
    preview_client.PreviewClient(Home(tmp_path))._spawn("version")
    assert SIGN_IN_SECRETS.isdisjoint(inherited())
