"""A known hole with a fix fails the check; one without, and an unreachable service, do not."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from docs import known_holes
from docs.known_holes import judged, main


def report(*fixes: list[str]) -> dict[str, Any]:
    holes = [{"id": f"PYSEC-{number}", "fix_versions": versions} for number, versions in enumerate(fixes)]
    return {"dependencies": [{"name": "a", "version": "1", "vulns": holes}, {"name": "b", "skip_reason": "not found"}]}


def test_only_what_an_update_mends_fails() -> None:
    assert judged(report())[0] and judged(report([]))[0]
    may_stay, lines = judged(report([], ["2", "3"]))
    assert not may_stay
    assert lines == [
        "a 1: PYSEC-0; nobody has a fix yet.", "a 1: PYSEC-1; update to 2 or 3.",
        "1 of 2 packages were looked up; the others are unknown.",
    ]


def test_without_a_network_it_says_so_and_passes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, stdout="", stderr="ConnectionError")

    monkeypatch.setattr(known_holes.subprocess, "run", run)
    assert main("requirements.txt") == 0
    assert "could not be looked up" in capsys.readouterr().out
