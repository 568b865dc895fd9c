"""The queue's order, its pause and what is told of it; who may change what."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_core.access import LOCAL, Actor, NotAllowed
from distill_core.audit import Audit
from distill_core.errors import Conflict, NotFound
from distill_core.executors.executor import Placement
from distill_core.folders import Home, write_json
from distill_core.queue import Queue
from distill_core.store.store import Store
from tests.store_samples import small_spec

ANN, BEN = Actor("ann", "operator"), Actor("ben", "operator")


class Bench:
    """A queue of some experiments that nobody begins."""

    def __init__(self, home: Home, names: str = "abcde") -> None:
        self.now, self.asked = 100.0, 0
        self.store, self.audit = Store(home), Audit(home, clock=self.tick)
        self.queue = Queue(home, lambda: self.store, self.audit, ensure_dispatcher=self._ask, clock=self.tick)
        for name in names:
            self.launch(name)

    def tick(self) -> float:
        self.now += 1
        return self.now

    def _ask(self) -> None:
        self.asked += 1

    def launch(self, name: str, owner: str = "ann") -> None:
        self.store.create(small_spec(name), experiment_id=name, created_at=self.tick(), owner=owner)

    def order(self) -> str:
        return "".join(one.row.experiment_id for one in self.queue.view().waiting)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(Home(tmp_path / "home"))


@pytest.mark.parametrize(
    ("who", "to", "order"),
    [
        ("d", 1, "dabce"), ("a", 3, "bcade"), ("c", 2, "acbde"), ("b", 99, "acdeb"), ("e", 5, "abcde"),
        ("a", -4, "abcde"), ("c", 4, "abdce"),
    ],
)
def test_a_move_gives_exactly_that_place_and_survives_a_reindex(bench: Bench, who: str, to: int, order: str) -> None:
    bench.queue.move(who, to=to)
    assert bench.order() == order
    bench.store.reindex()
    assert bench.order() == order
    bench.launch("z")
    assert bench.order() == f"{order}z", "who comes later comes last"


@settings(max_examples=15, deadline=None)
@given(moves=st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 5)), max_size=60))
def test_any_moves_are_those_of_a_list(tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[str, int]]) -> None:
    bench, expected = Bench(Home(tmp_path_factory.mktemp("home"))), list("abcde")
    for who, to in moves:
        bench.queue.move(who, to=to)
        expected.remove(who)
        expected.insert(to - 1, who)
    assert bench.order() == "".join(expected)


def test_places_too_close_for_another_between_them_are_given_anew(bench: Bench) -> None:
    for _ in range(40):
        bench.queue.move(bench.order()[-1], to=2)
    first = bench.order()
    bench.queue.move(first[4], to=2)
    assert bench.order() == first[0] + first[4] + first[1:4]


def test_who_waits_no_longer_has_no_place(bench: Bench) -> None:
    bench.store.transition("a", expected={"queued"}, to="starting", at=bench.tick())
    with pytest.raises(Conflict, match="is starting; only one that waits"):
        bench.queue.move("a", to=1)
    with pytest.raises(Conflict):
        bench.queue.remove("a")
    with pytest.raises(NotFound):
        bench.queue.move("nobody", to=1)


def test_what_was_removed_comes_back_to_its_place(bench: Bench) -> None:
    bench.queue.move("d", to=2)
    bench.queue.remove("d")
    assert bench.order() == "abce" and bench.store.state("d") == "cancelled"
    bench.queue.put_back("d")
    assert bench.order() == "adbce"
    # Resumed in the ordinary way, it comes last.
    bench.queue.remove("a")
    bench.store.transition("a", expected={"cancelled"}, to="queued", at=bench.tick(), attempt=0)
    assert bench.order() == "dbcea"


def test_a_pause_says_who_and_outlives_everybody(bench: Bench, tmp_path: Path) -> None:
    assert bench.queue.paused() is None
    bench.queue.pause()
    paused = Bench(Home(tmp_path / "home"), "").queue.paused()
    assert paused is not None and (paused.by, paused.at > 100) == ("local", True)
    bench.queue.unpause()
    bench.queue.unpause()
    assert bench.queue.paused() is None and bench.asked > 0
    Home(tmp_path / "home").queue_paused.write_text("{")
    assert bench.queue.paused() is not None, "a damaged pause pauses all the same"


def test_operators_change_their_own_and_viewers_nothing(bench: Bench) -> None:
    bench.launch("x", owner="ben")
    bens, anns = bench.queue.acting_as(BEN), bench.queue.acting_as(ANN)
    bens.move("x", to=1)
    for forbidden in (
        lambda: bens.move("a", to=1), lambda: bens.remove("a"), bens.pause, bens.unpause, lambda: anns.put_back("x"),
    ):
        with pytest.raises(NotAllowed):
            forbidden()
    viewer = bench.queue.acting_as(Actor("vera", "viewer"))
    for forbidden in (
        lambda: viewer.move("a", to=1), lambda: viewer.remove("a"), lambda: viewer.put_back("a"), viewer.pause,
    ):
        with pytest.raises(NotAllowed):
            forbidden()
    assert viewer.view().waiting and bench.order() == "xabcde"
    bench.queue.acting_as(LOCAL).remove("a")


def test_the_audit_log_has_every_change(bench: Bench) -> None:
    queue = bench.queue.acting_as(ANN)
    queue.move("c", to=1)
    queue.remove("c")
    queue.put_back("c")
    bench.queue.pause()
    bench.queue.unpause()
    told = [(entry.actor, entry.action, entry.subject) for entry in reversed(bench.audit.newest())]
    assert told == [
        ("ann", "move", "c"), ("ann", "stop", "c"), ("ann", "resume", "c"), ("local", "pause", ""),
        ("local", "unpause", ""),
    ]


def test_the_view_has_who_runs_where_and_what_others_wait_for(bench: Bench, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    slots = [{"name": f"cuda:{number}", "title": "a GPU", "memory_bytes": 80} for number in (0, 1)]
    write_json(home.queue_board, {"slots": slots, "waits": {"c": "Waits until a GPU is free."}, "trouble": "No."})
    for name, placed in (("a", ("cuda:0", "cuda:1")), ("b", ("node-7",))):
        bench.store.transition(name, expected={"queued"}, to="starting", at=bench.tick())
        Placement("t", 1, placed, placed[0]).write(home.experiment(name))
    view = bench.queue.view()
    running = {device.name: [row.experiment_id for row in device.running] for device in view.devices}
    assert running == {"cuda:0": ["a"], "cuda:1": ["a"], "node-7": ["b"]} and view.trouble == "No."
    assert [(one.number, one.row.experiment_id, one.why) for one in view.waiting] == [
        (1, "c", "Waits until a GPU is free."), (2, "d", ""), (3, "e", ""),
    ]
    place = bench.queue.place_of("d")
    assert place is not None and place.number == 2 and bench.queue.place_of("a") is None


def test_before_any_dispatcher_the_devices_are_those_of_the_executor(bench: Bench) -> None:
    assert [device.name for device in bench.queue.view().devices][-1] == "cpu"
    assert bench.asked == 1, "whoever looks while something waits wants it to go on"
