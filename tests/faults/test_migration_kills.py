"""Kills -9 while an old index is migrated: it is the old one or the new one, never something between."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.postgres_server import PostgresServer

ROOT = Path(__file__).parents[2]
KILLS = 20


def killed(folder: Path, **environment: str) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.migration_kills", str(folder), str(KILLS)], cwd=ROOT, text=True,
        capture_output=True, check=False, timeout=200, env=os.environ | environment,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return int(done.stdout)


@pytest.mark.faults
def test_sqlite_twenty_times(tmp_path: Path) -> None:
    assert killed(tmp_path, DISTILL_DATABASE_URL="") >= 2, "no kill met a migration"


@pytest.mark.faults
def test_postgresql_twenty_times(tmp_path: Path, postgres: PostgresServer) -> None:
    with postgres.connect() as connection:
        for number in range(KILLS):
            connection.execute(f"CREATE SCHEMA k{number}")
    # Percent-encoded by hand: the script puts each try's schema in.
    address = postgres.url(schema="SCHEMA")
    assert killed(tmp_path, DISTILL_DATABASE_URL=address) >= 2, "no kill met a migration"
