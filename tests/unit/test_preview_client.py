"""How the client names code and sockets, without any process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import distill_core
from distill_core.folders import Home
from distill_core.jobs.preview_client import code_version, connect, recorded_address, socket_address


def test_code_version_changes_with_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distill_core, "__file__", str(tmp_path / "__init__.py"))
    (tmp_path / "part").mkdir()
    source = tmp_path / "part" / "module.py"
    source.write_text("x = 1\n")
    first = code_version()
    assert code_version() == first
    (tmp_path / "notes.txt").write_text("no code")
    assert code_version() == first
    os.utime(source, ns=(1, 1))
    second = code_version()
    assert second != first
    (tmp_path / "part" / "other.py").write_text("")
    assert code_version() != second


def test_socket_address_fits_the_system() -> None:
    assert socket_address(Home(Path("/home/me/lab"))) == Path("/home/me/lab/preview.sock")
    deep = [socket_address(Home(Path("/home") / ("d" * 100) / name)) for name in ("a", "b")]
    assert all(len(os.fsencode(address)) <= 100 for address in deep)
    assert deep[0] != deep[1]
    assert deep[0] == socket_address(Home(Path("/home") / ("d" * 100) / "a"))


@pytest.mark.parametrize("record", ["", "{", "[]", "{}", '{"socket": 7}', '{"socket": "/nobody/listens"}'])
def test_no_connection_from_a_record_that_is_half_written_or_old(tmp_path: Path, record: str) -> None:
    home = Home(tmp_path)
    assert recorded_address(home) is None and connect(home) is None
    home.preview_lock.write_text(record)
    assert connect(home) is None
