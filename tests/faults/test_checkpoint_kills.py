"""Fifty kills -9 while checkpoints are written: the newest acknowledged one, or a later, is always whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.faults
def test_fifty_kills_while_checkpoints_are_written_lose_none(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.checkpoint_writer", str(tmp_path / "run")], cwd=ROOT, text=True,
        capture_output=True, check=False, timeout=240,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 20, "too few were written for a kill to meet one"
