"""A home folder that cannot be made or written is told in one sentence, whatever was asked."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from distill_core.cli import main
from distill_core.folders import Home, HomeUnusable
from distill_core.jobs.preview_client import PreviewClient
from distill_core.services import Lab
from distill_core.store.sqlite_index import SqliteIndex
from distill_core.store.store import Store
from tests.store_samples import small_spec

COMMANDS = [
    ["list"], ["show", "x"], ["cancel", "x"], ["resume", "x"], ["export", "x", "--out", "y"], ["catalog"],
    ["reindex"], ["run", "--preset", "digits"], ["ui", "--no-browser"], ["ui", "--demo", "--no-browser"],
]


def a_file(tmp_path: Path) -> Path:
    path = tmp_path / "taken"
    path.touch()
    return path


@pytest.fixture(params=[lambda path: path, lambda path: path / "below"], ids=["a file", "below a file"])
def unusable(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = request.param(a_file(tmp_path))
    monkeypatch.setenv("DISTILL_HOME", str(home))
    return home


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_every_command_tells_it(unusable: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    told = capsys.readouterr()
    (line,) = told.err.splitlines()
    assert told.out == "" and line.startswith(f"The home folder {unusable} cannot be made or written (")
    assert line.endswith("Set DISTILL_HOME to a folder that you can write.")


def test_doctor_reports_it(unusable: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    assert "cannot be written" in capsys.readouterr().out


@pytest.mark.parametrize("ask", [
    lambda home: Lab(home).store, lambda home: Lab(home).catalogue(), lambda home: PreviewClient(home).ask("ping"),
])
def test_pages_get_it_as_an_error_that_they_show(tmp_path: Path, ask: object) -> None:
    with pytest.raises(HomeUnusable, match="it is a file"):
        ask(Home(a_file(tmp_path)))  # type: ignore[operator]


def test_a_user_that_there_is_not(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DISTILL_HOME", "~nobody-of-this-name/lab")
    assert main(["list"]) == 1
    assert capsys.readouterr().err.startswith("The home folder ~nobody-of-this-name/lab cannot be")


def test_a_folder_that_may_not_be_written_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As SQLite tells it; the tests may run as root, whom no permission stops."""
    Store(Home(tmp_path)).close()

    def refuse(self: SqliteIndex) -> str:
        connection = sqlite3.connect(f"file:{self.home.database}?mode=ro", uri=True)
        try:
            connection.execute("DELETE FROM experiments")
        finally:
            connection.close()
        raise AssertionError("a read-only database was written")

    monkeypatch.setattr(SqliteIndex, "revision", refuse)
    with pytest.raises(HomeUnusable, match="readonly database"):
        Store(Home(tmp_path))


def test_a_database_that_cannot_be_opened_is_no_damage(tmp_path: Path) -> None:
    Home(tmp_path).database.mkdir()
    with pytest.raises(HomeUnusable, match="unable to open"):
        Lab(Home(tmp_path)).upkeep.reindex()
    assert Home(tmp_path).database.is_dir(), "nothing was set aside"


def test_a_launch_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    store = Store(Home(tmp_path))
    store.home.experiments.touch()
    with pytest.raises(HomeUnusable):
        store.create(small_spec(), experiment_id="one", created_at=1.0)
    assert store.counts() == {}
