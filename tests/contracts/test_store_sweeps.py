"""Sweeps in both databases: what is written is in the folder first, and the index is what the folders make of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from distill_core.backup import unpack, write_backup
from distill_core.errors import Conflict, NotFound
from distill_core.folders import Home
from distill_core.store.store import Store
from distill_core.sweep_rows import SWEEP_STATES, Trial
from tests.contracts.test_index_equals_folders import dump
from tests.store_samples import small_spec, whole_story, write_events
from tests.sweep_samples import sweep_spec

NAMES = ("one", "two")
_name = st.sampled_from(NAMES)
_acts = st.one_of(
    st.tuples(st.just("trial"), _name, st.text(st.characters(codec="utf-8"), max_size=9), st.booleans()),
    st.tuples(st.just("round"), _name, st.integers(0, 2)),
    st.tuples(st.just("tell"), _name, st.sampled_from(["succeeded", "failed", "cancelled"])),
    st.tuples(st.just("correct"), _name),
    st.tuples(st.just("judge"), _name, st.integers(0, 3)),
    st.tuples(st.just("move"), _name, st.sampled_from(SWEEP_STATES), st.booleans()),
    st.tuples(st.just("extend"), _name),
    st.tuples(st.just("delete"), _name, st.booleans()),
    st.tuples(
        st.just("damage"), _name, st.sampled_from(["journal", "trials"]),
        st.sampled_from([b"no line\n", b"{}\n", b'{"ki']),
    ),
)


def trial(number: int, *, name: str = "T=4", refused: str = "") -> Trial:
    return Trial(number, name, {"temperature": 4, "student": {"name": "a", "params": {"b": 1}}}, (), 3, 0, refused)


def act(store: Store, number: int, what: str, name: str, *told: Any) -> None:
    at, sweeps, folder = 100.0 + number, store.sweeps, store.home.sweep(name)
    rounds = len(sweeps.rounds(name))
    if what == "trial":
        sweeps.add_trials(name, [trial(len(sweeps.trials(name)), name=told[0], refused=told[0] if told[1] else "")])
    elif what == "round":
        sweeps.begin_round(name, experiment_id=f"{name}{rounds}", trials=range(told[0]), seeds=[0, 1], at=at)
    elif what == "tell":
        sweeps.tell(name, rounds, outcome=told[0], reason="because", at=at)
    elif what == "correct":
        sweeps.correct_round(name, rounds, experiment_id="another", at=at)
    elif what == "judge":
        sweeps.judge(name, batch=0, seeds=1, pruned={told[0]: "too low"}, at=at)
    elif what == "move":
        sweeps.move(name, expected=SWEEP_STATES, to=told[0], at=at, reason="why", reopened=[rounds] if told[1] else [])
    elif what == "extend":
        longer = sweep_spec(name=f"{name} {number}")
        sweeps.move(name, expected=SWEEP_STATES, to="running", at=at, spec=longer, networks={"k": {"parameters": 1}})
    elif what == "delete":
        sweeps.set_deleted(name, told[0], at=at, experiments=["e"])
    else:
        with getattr(folder, told[0]).open("ab") as file:
            file.write(told[1])


@pytest.mark.usefixtures("new_index")
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(_acts, max_size=20))
@example(acts=[("trial", "one", "", False), ("judge", "one", 2), ("trial", "one", "", False)])
@example(acts=[("round", "one", 2), ("trial", "one", "", False), ("round", "one", 2)])
def test_the_index_after_any_history_is_the_one_that_its_folders_make(
    new_index: Callable[[], None], acts: list[tuple[Any, ...]]
) -> None:
    new_index()
    with tempfile.TemporaryDirectory() as path:
        store = Store(Home(Path(path)))
        for name in NAMES:
            store.sweeps.create(
                sweep_spec(), sweep_id=name, created_at=1.0, owner=f"{name}@lab", idempotency_key=f"key-{name}",
                trials=[trial(0)],
            )
        for number, (what, *told) in enumerate(acts):
            try:
                act(store, number, what, *told)
            except Conflict:
                # In this state it is not allowed.
                continue
        for name in NAMES:
            store.sweeps.tell(name, 99, outcome="failed", reason="", at=999.0)
            store.sweeps.correct_round(name, 99, experiment_id="none", at=999.0)
        before = dump(store.home)
        assert store.reindex() == (0, [])
        assert dump(store.home) == before
        store.close()


def test_the_same_key_and_what_is_not_there(new_index: Callable[[], None], tmp_path: Path) -> None:
    sweeps = Store(Home(tmp_path)).sweeps
    assert sweeps.create(sweep_spec(), sweep_id="a", created_at=1.0, idempotency_key="k") == "a"
    assert sweeps.create(sweep_spec(), sweep_id="b", created_at=2.0, idempotency_key="k") == "a"
    assert (sweeps.made_by("k"), sweeps.made_by(""), sweeps.going()) == ("a", None, ["a"])
    assert not (tmp_path / "sweeps" / "b").exists()
    for ask in (sweeps.row, sweeps.owner, sweeps.version, sweeps.networks, sweeps.judged):
        with pytest.raises(NotFound, match="no sweep 'b'"):
            ask("b")
    assert (sweeps.trials("b"), sweeps.rounds("b"), sweeps.of_experiment("e")) == ([], [], None)


def test_trials_keep_their_numbers_and_their_values(new_index: Callable[[], None], tmp_path: Path) -> None:
    sweeps = Store(Home(tmp_path)).sweeps
    sweeps.create(sweep_spec(), sweep_id="a", created_at=1.0, trials=[trial(0)])
    with pytest.raises(Conflict, match="has 1 trials by now"):
        sweeps.add_trials("a", [trial(0)])
    twin = {"temperature": 1.5}
    more = Trial(1, "zwei", {"temperature": 0.1 + 0.2}, (twin,), 7, 3, attrs={"NSGAIISampler:generation": 2})
    sweeps.add_trials("a", [more])
    assert sweeps.trials("a") == [trial(0), more]
    sweeps.move("a", expected={"running"}, to="stopped", at=2.0)
    with pytest.raises(Conflict, match="is stopped, so it takes no more trials"):
        sweeps.add_trials("a", [trial(2)])
    with pytest.raises(Conflict, match="so no round begins"):
        sweeps.begin_round("a", experiment_id="e", trials=[0], seeds=[0], at=3.0)
    sweeps.move("a", expected={"stopped"}, to="running", at=4.0)
    for unknown in ([0, 2], [-1]):
        with pytest.raises(Conflict, match="has 2 trials, so no round begins with others"):
            sweeps.begin_round("a", experiment_id="e", trials=unknown, seeds=[0], at=5.0)
    assert sweeps.rounds("a") == []


def test_a_row_counts_the_runs_and_ended_trials_of_its_rounds(new_index: Callable[[], None], tmp_path: Path) -> None:
    store = Store(Home(tmp_path))
    trials = [trial(0), trial(1, refused="too large"), trial(2), trial(3)]
    store.sweeps.create(sweep_spec(), sweep_id="a", created_at=1.0, trials=trials)
    for number, experiment_id in enumerate(("e1", "e2"), 1):
        store.create(small_spec(), experiment_id=experiment_id, created_at=2.0)
        store.sweeps.begin_round("a", experiment_id=experiment_id, trials=[0, number + 1], seeds=[0, 1], at=3.0)
        write_events(store.home, experiment_id, *whole_story())
        store.ingest(experiment_id)
    store.sweeps.tell("a", 1, outcome="succeeded", reason="", at=4.0)
    row = store.sweeps.row("a")
    # Trial 0 is in the second round too, which goes on; 1 was refused.
    assert (row.trials, row.trials_ended, row.experiment_ids) == (4, 2, ("e1", "e2"))
    assert (row.runs_total, row.runs_done) == (10, 10)
    runs = store.sweeps.runs(["e1"])
    assert [(run.name, run.seed, run.state, run.validation, run.epochs_done) for run in runs] == [
        ("alone", 0, "finished", 0.9, 3), ("distilled", 0, "finished", 0.9, 3),
        ("alone", 1, "finished", 0.9, 3), ("distilled", 1, "finished", 0.9, 3),
    ]
    version = store.sweeps.version("a")
    assert store.sweeps.version("a") == version
    store.sweeps.judge("a", batch=0, seeds=1, pruned={3: "low"}, at=5.0)
    assert store.sweeps.version("a") != version
    assert (store.sweeps.judged("a"), store.sweeps.trials("a")[3].pruned) == (frozenset({(0, 1)}), "low")


def test_a_damaged_sweep_is_told_and_the_others_are_indexed(tmp_path: Path) -> None:
    store = Store(Home(tmp_path))
    for name in NAMES:
        store.sweeps.create(sweep_spec(), sweep_id=name, created_at=1.0)
    store.home.sweep("one").sweep.write_text("{")
    count, (problem,) = store.reindex()
    assert count == 0 and problem.startswith("Sweep one: its sweep.json cannot be read")
    assert [row.sweep_id for row in store.sweeps.rows()] == ["two"]
    with pytest.raises(NotFound):
        store.sweeps.row("one")


def test_deleted_sweeps_leave_the_disk_after_their_days(tmp_path: Path) -> None:
    store = Store(Home(tmp_path))
    for name in NAMES:
        store.sweeps.create(sweep_spec(), sweep_id=name, created_at=1.0)
        store.sweeps.move(name, expected={"running"}, to="finished", at=2.0)
    store.sweeps.set_deleted("one", True, at=3.0)
    assert store.sweeps.purge_older(days=1, now=3.0 + 86_399) == []
    assert store.sweeps.purge_older(days=1, now=3.0 + 86_400) == ["one"]
    assert not store.home.sweep("one").path.exists() and [row.sweep_id for row in store.sweeps.rows()] == ["two"]


def test_a_backup_has_the_sweeps(tmp_path: Path) -> None:
    store = Store(Home(tmp_path / "home"))
    for name in NAMES:
        store.sweeps.create(sweep_spec(), sweep_id=name, created_at=1.0, trials=[trial(0)])
    write_backup(store.home, tmp_path / "b.tar.gz", now=9.0)
    unpack(tmp_path / "b.tar.gz", tmp_path / "again")
    restored = Store(Home(tmp_path / "again"))
    assert restored.reindex() == (0, [])
    assert [row.sweep_id for row in restored.sweeps.rows()] == ["two", "one"]
    assert restored.sweeps.trials("one") == [trial(0)]
