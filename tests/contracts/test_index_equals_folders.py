"""Whatever happened, in whatever order: the index is what the folders make of it, in both databases."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from distill_core.errors import Conflict
from distill_core.events import Failure, Noted, QueueRanked, State, WorkerEnded, WorkerStarted
from distill_core.folders import Home
from distill_core.store.database import Database
from distill_core.store.records import journalled
from distill_core.store.schema import metadata
from distill_core.store.store import Store
from tests.store_samples import declared, epoch, finished, small_spec, worker_started, write_events

ORDER_ONLY = {"cursor", "number"}
NAMES = ("one", "two")
STATES: tuple[State, ...] = get_args(State)
FAILURES: tuple[Failure, ...] = get_args(Failure)
_name = st.sampled_from(NAMES)
_number = st.sampled_from([0.5, math.nan, math.inf, -math.inf, 1e-300, 0.1 + 0.2])
_token = st.sampled_from(["", "t1", "t2"])
_acts = st.one_of(
    st.tuples(st.just("move"), _name, st.sampled_from(STATES), st.sampled_from(FAILURES), _token),
    st.tuples(st.just("rank"), _name, st.floats(-1e9, 1e9)),
    st.tuples(st.just("note"), _name, st.text(st.characters(codec="utf-8"), max_size=12)),
    st.tuples(st.just("delete"), _name, st.booleans()),
    st.tuples(st.just("epoch"), _name, st.integers(1, 4), _number),
    st.tuples(st.just("finish"), _name, _number),
    st.tuples(st.just("worker"), _name, st.sampled_from(["", "t1", "t2"])),
    st.tuples(st.just("end"), _name, st.sampled_from(["", "t1", "t2"]), st.sampled_from(FAILURES)),
    st.tuples(st.just("damage"), _name, st.sampled_from(["journal", "events"])),
    st.tuples(st.just("ingest"), _name),
)


def dump(home: Home) -> dict[str, list[str]]:
    """Every row of every table as text, in which NaN equals NaN."""
    index, result = Database(home), {}
    with index.read() as connection:
        for name, table in metadata.tables.items():
            rows = connection.execute(select(table)).mappings()
            result[name] = sorted(
                repr(sorted((key, value) for key, value in row.items() if key not in ORDER_ONLY)) for row in rows
            )
    index.close()
    return result


def act(store: Store, number: int, what: str, name: str, *told: Any) -> None:
    at, folder = 100.0 + number, store.home.experiment(name)
    if what == "move":
        to, failure, token = told
        try:
            store.transition(
                name, expected=STATES, to=to, at=at, failure=failure, token=token, reason=f"for {to}", attempt=number
            )
        except Conflict:
            return
    elif what == "rank":
        journalled(folder, QueueRanked(at=at, rank=told[0]))
        store.note(name, Noted(at=at, text="moved"))
    elif what == "note":
        store.note(name, Noted(at=at, text=told[0], level="warning"))
    elif what == "delete":
        store.set_deleted(name, told[0], at=at)
    elif what == "epoch":
        write_events(store.home, name, declared("r"), epoch("r", told[0], loss=told[1]))
    elif what == "finish":
        write_events(store.home, name, declared("r"), finished("r", accuracy=told[0]))
    elif what == "worker":
        started: WorkerStarted = worker_started(at=at).model_copy(update={"token": told[0]})
        write_events(store.home, name, started)
    elif what == "end":
        write_events(store.home, name, WorkerEnded(at=at, outcome="failed", token=told[0], failure=told[1]))
    elif what == "damage":
        with getattr(folder, told[0]).open("ab") as file:
            file.write(b"no line of ours\n")
    else:
        store.ingest(name)


@pytest.mark.usefixtures("new_index")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(_acts, max_size=25))
# A damaged line that is taken in by itself.
@example(acts=[("finish", "one", 0.5), ("ingest", "one"), ("damage", "one", "events")])
def test_the_index_after_any_history_is_the_one_that_its_folders_make(
    new_index: Callable[[], None], acts: list[tuple[Any, ...]]
) -> None:
    new_index()
    with tempfile.TemporaryDirectory() as path:
        store = Store(Home(Path(path)))
        for name in NAMES:
            store.create(
                small_spec(name), experiment_id=name, created_at=1.0, owner=f"{name}@lab", idempotency_key=f"key-{name}"
            )
        for number, (what, *told) in enumerate(acts):
            act(store, number, what, *told)
        for name in NAMES:
            store.note(name, Noted(at=999.0, text="the last"))
            store.ingest(name)
        before = dump(store.home)
        assert store.reindex() == (len(NAMES), [])
        assert dump(store.home) == before
        store.close()
