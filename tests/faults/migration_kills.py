"""`migration_kills.py FOLDER KILLS`: kills a process that migrates an old index, and opens it after."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from alembic import command

from distill_core.folders import Home
from distill_core.store import database
from distill_core.store.store import Store
from tests.old_index import EXPERIMENTS, POINTS, RELEASED, make_old_index

LONGEST_SECONDS = 0.12


def main(path: Path, kills: int) -> None:
    """Prints in how many tries the migration was half way when it was killed."""
    randomness, half_way = random.Random(3), 0
    pattern = os.environ.get("DISTILL_DATABASE_URL", "")
    command.upgrade.__doc__, database.HEAD  # noqa: B018 - loaded here, so that the children need not
    for number in range(kills):
        home = Home(path / str(number))
        revision = RELEASED[number % len(RELEASED)]
        address = pattern.replace("SCHEMA", f"k{number}")
        if address:
            os.environ["DISTILL_DATABASE_URL"] = address
        make_old_index(home, revision)
        child = os.fork()
        if child == 0:
            try:
                Store(home)
            finally:
                os._exit(0)
        time.sleep(randomness.uniform(0.0, LONGEST_SECONDS))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        index = database._index(home)
        found = index.revision()
        index.engine.dispose()
        assert found in (revision, database.HEAD), f"{found} is between {revision} and {database.HEAD}"
        half_way += os.WIFSIGNALED(status) and found == revision
        store = Store(home)
        rows = store.experiments(limit=EXPERIMENTS + 1)
        assert len(rows) == EXPERIMENTS and {row.owner for row in rows} == {""}
        assert len(store.live_points("old-07")[0]) == POINTS
        assert len(store.runs(experiment_ids=[row.experiment_id for row in rows])) == EXPERIMENTS
        store.close()
    print(half_way)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
