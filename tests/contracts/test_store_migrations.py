"""Every released schema is brought to the present one with all its rows, in both databases, also by many at once."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from distill_core.folders import Home
from distill_core.store.store import Store
from tests.old_index import EXPERIMENTS, POINTS, RELEASED, make_old_index
from tests.store_samples import small_spec, whole_story, write_events


@pytest.mark.parametrize("revision", RELEASED)
def test_a_released_schema_keeps_every_row(new_index: Callable[[], None], tmp_path: Path, revision: str) -> None:
    home = Home(tmp_path)
    make_old_index(home, revision)
    failures: list[Exception] = []

    def open_it() -> None:
        try:
            Store(home).close()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    store = Store(home)
    rows = store.experiments(limit=100)
    assert len(rows) == EXPERIMENTS
    assert {(row.name, row.owner, row.rank, row.failure) for row in rows} == {("old one", "", None, "")}
    view = store.experiment("old-03")
    (run,) = view.runs
    assert (run.accuracy, run.parent, run.layers) == (0.9, "", ())
    assert run.nll is not None and math.isnan(run.nll), "NaN is no missing figure"
    points, cursor = store.live_points("old-03")
    assert len(points) == POINTS and math.isnan(points[0][4])
    assert points[0][7] == {}, "no gradient was measured then"
    assert store.outcome("old-03", after=0) == (True, None, "", "")
    # And it is of use: new experiments, whose cursors go on.
    store.create(small_spec(), experiment_id="new", created_at=2.0, owner="ada")
    write_events(home, "new", *whole_story())
    store.ingest("new")
    points, newest = store.live_points("new")
    assert newest > cursor and points[0][7] == {"kd": 1.0}
