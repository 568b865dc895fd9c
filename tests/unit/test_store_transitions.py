"""The transition table holds for every pair of states, and only one of several movers wins."""

from __future__ import annotations

import threading
from itertools import product
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_core.errors import Conflict, NotFound
from distill_core.event_log import read_events
from distill_core.events import State, StateChanged
from distill_core.folders import Home
from distill_core.store.records import journalled
from distill_core.store.store import Store
from distill_core.store.transitions import ALLOWED, BUSY, FRESH, moved
from tests.store_samples import small_spec

STATES: tuple[State, ...] = get_args(State)
# How an experiment gets into each state.
WAYS: dict[State, tuple[State, ...]] = {
    "queued": (), "starting": ("starting",), "running": ("starting", "running"), "cancelled": ("cancelled",),
    "stopping": ("starting", "stopping"), "lost": ("starting", "lost"), "failed": ("starting", "failed"),
    "succeeded": ("starting", "running", "succeeded"),
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Store:
    with pytest.MonkeyPatch.context() as patched:
        if request.param == "postgresql":
            patched.setenv("DISTILL_DATABASE_URL", request.getfixturevalue("postgres").database())
        return Store(Home(tmp_path_factory.mktemp("home")))


def journal(store: Store, experiment_id: str) -> list[State]:
    return [event.state for event, _ in read_events(store.home.experiment(experiment_id).journal)]


def begin(store: Store, experiment_id: str) -> str:
    return store.create(small_spec(), experiment_id=experiment_id, created_at=1.0)


@pytest.mark.parametrize(("before", "after"), list(product(STATES, STATES)))
def test_every_pair_of_states(store: Store, before: State, after: State) -> None:
    name = begin(store, f"{before}-{after}")
    for state in WAYS[before]:
        store.transition(name, expected=STATES, to=state, at=2.0)
    told = journal(store, name)
    if after in ALLOWED[before]:
        store.transition(name, expected={before}, to=after, at=3.0, reason="why", attempt=2)
        row = store.experiment(name).row
        assert (row.state, row.reason, row.attempt) == (after, "why", 2)
        assert journal(store, name) == [*told, after]
    else:
        with pytest.raises(Conflict):
            store.transition(name, expected={before}, to=after, at=3.0)
        assert store.state(name) == before
        assert journal(store, name) == told


def test_an_unexpected_state_is_refused_before_anything_is_prepared(store: Store) -> None:
    name = begin(store, "unexpected")
    prepared: list[str] = []
    with pytest.raises(Conflict, match="queued"):
        store.transition(
            name, expected={"running"}, to="stopping", at=2.0, prepare=lambda: prepared.append("too early")
        )
    assert not prepared
    store.transition(name, expected={"queued"}, to="starting", at=2.0, prepare=lambda: prepared.append("now"))
    assert prepared == ["now"]


def test_what_fails_to_prepare_does_not_move(store: Store) -> None:
    name = begin(store, "unprepared")

    def fail() -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        store.transition(name, expected={"queued"}, to="starting", at=2.0, prepare=fail)
    assert store.state(name) == "queued"
    assert journal(store, name) == ["queued"]


def test_an_unknown_experiment_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        store.transition("nobody", expected={"queued"}, to="starting", at=2.0)


def test_of_two_movers_exactly_one_wins(store: Store) -> None:
    names = [begin(store, f"race{number:02d}") for number in range(20)]
    start, outcomes = threading.Barrier(2), {name: [] for name in names}

    def move(to: State) -> None:
        start.wait()
        for name in names:
            try:
                store.transition(name, expected={"queued"}, to=to, at=2.0)
            except Conflict:
                outcomes[name].append(False)
            else:
                outcomes[name].append(True)

    movers = [threading.Thread(target=move, args=(to,)) for to in ("starting", "cancelled")]
    for mover in movers:
        mover.start()
    for mover in movers:
        mover.join()
    assert all(sorted(outcome) == [False, True] for outcome in outcomes.values())
    assert all(journal(store, name) == ["queued", store.state(name)] for name in names)


def test_a_move_that_only_the_journal_saw_is_caught_up(store: Store) -> None:
    name = begin(store, "half-way")
    # As a process killed between the journal and the commit leaves it.
    journalled(store.home.experiment(name), StateChanged(at=2.0, state="starting", attempt=1))
    with pytest.raises(Conflict, match="starting"):
        store.transition(name, expected={"queued"}, to="starting", at=3.0)
    store.transition(name, expected={"starting"}, to="running", at=4.0)
    row = store.experiment(name).row
    assert (row.state, row.attempt, row.started_at) == ("running", 1, 2.0)


def test_working_time_is_summed_over_stretches_without_queueing() -> None:
    row = dict(FRESH)
    story = [
        ("queued", 0.0), ("starting", 5.0), ("running", 6.0), ("lost", 15.0), ("queued", 16.0), ("starting", 20.0),
        ("running", 21.0), ("succeeded", 25.0),
    ]
    for state, at in story:
        row |= moved(row, StateChanged(at=at, state=state))
    assert row["busy_seconds"] == 15.0
    assert (row["started_at"], row["finished_at"]) == (20.0, 25.0)
    row |= moved(row, StateChanged(at=40.0, state="queued"))
    assert (row["started_at"], row["finished_at"], row["busy_seconds"]) == (None, None, 15.0)


@given(st.data())
def test_any_walk_keeps_times_in_order(data: st.DataObject) -> None:
    row, state, at, busy = dict(FRESH), "queued", 0.0, 0.0
    row |= moved(row, StateChanged(at=at, state="queued"))
    for _ in range(data.draw(st.integers(0, 12))):
        before, state = state, data.draw(st.sampled_from(sorted(ALLOWED[state])))
        # Clocks are set back now and then.
        at += data.draw(st.floats(-5, 50))
        row |= moved(row, StateChanged(at=at, state=state))
        assert row["busy_seconds"] >= busy
        busy = row["busy_seconds"]
        assert (row["started_at"] is not None) == (state in BUSY) or state not in ("queued", *BUSY)
        if before in BUSY and state not in BUSY:
            assert row["finished_at"] == at


def test_a_fresh_home_needs_nothing_but_its_path(tmp_path: Path) -> None:
    store = Store(Home(tmp_path / "deep" / "home"))
    assert store.experiments() == []
    assert store.counts() == {}


def test_a_move_that_only_the_journal_has_reaches_the_index_with_the_next_refusal(tmp_path: Path) -> None:
    """A dispatcher was killed between the two; its successor must not be refused at every tick for ever."""
    store = Store(Home(tmp_path))
    store.create(small_spec(), experiment_id="e", created_at=1.0)
    journalled(store.home.experiment("e"), StateChanged(at=2.0, state="starting", attempt=1))
    with pytest.raises(Conflict):
        store.transition("e", expected={"queued"}, to="starting", at=3.0)
    assert store.state("e") == "starting" and store.experiment("e").row.attempt == 1
