"""The clock moves an hour, both ways, under a running experiment: it ends as if it had not."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from distill_core.event_log import read_events
from distill_core.events import WorkerEnded
from distill_core.executors.local import LocalExecutor
from distill_core.jobs.dispatcher import Dispatcher
from distill_core.store.transitions import ENDED
from tests.faults import moved_clock
from tests.faults.scene import QUICK_WORKER, Scene
from tests.faults.settling import settled, wait_for

pytestmark = pytest.mark.faults
HOUR = 3600.0


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_dispatcher_s_clock_jumps(scene: Scene, jump: float) -> None:
    shift = [0.0]
    dispatcher = Dispatcher(
        scene.home, scene.store, LocalExecutor(command=(sys.executable, str(QUICK_WORKER))),
        clock=lambda: time.time() + shift[0], stamp_seconds=60.0,
    )
    name, next_one = scene.launch("epochs=15 waits"), scene.launch("epochs=5")

    def turned() -> bool:
        dispatcher.tick()
        return scene.look(name) > 0

    wait_for(turned)
    shift[0] = jump
    for _ in range(5):
        dispatcher.tick()
    assert scene.state(name) == "running" and scene.store.experiment(name).row.attempt == 1
    (scene.folder(name).path / "go-on").touch()
    wait_for(lambda: (dispatcher.tick(), all(scene.state(one) in ENDED for one in (name, next_one)))[1])
    assert settled(scene.home, scene.acknowledged) == {name: "succeeded", next_one: "succeeded"}
    row = scene.store.experiment(name).row
    assert row.attempt == 1 and row.busy_seconds >= 0.0
    assert (row.busy_seconds > HOUR / 2) == (jump > 0), "it tells the clock's time, whatever that is"


def test_who_stops_has_its_grace_whatever_the_clock_says(scene: Scene) -> None:
    """The grace from a stop to a kill is counted by a clock that does not jump."""
    now = [time.time()]
    dispatcher = Dispatcher(
        scene.home, scene.store, LocalExecutor(command=(sys.executable, str(QUICK_WORKER))), clock=lambda: now[0]
    )
    name = scene.launch("epochs=15 waits")
    wait_for(lambda: (dispatcher.tick(), scene.look(name) > 0)[1])
    scene.store.transition(name, expected={"running"}, to="stopping", at=now[0], reason="Stop requested.")
    dispatcher.tick()
    now[0] += HOUR
    wait_for(lambda: (dispatcher.tick(), scene.state(name) in ENDED)[1])
    row = scene.store.experiment(name).row
    assert (row.state, row.reason) == ("cancelled", "Stopped."), "the worker had the time to say so itself"
    settled(scene.home, scene.acknowledged)


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_the_clock_of_running_processes_jumps(scene: Scene, tmp_path: Path, jump: float) -> None:
    """Dispatcher and worker are processes of their own, whose clock is set while both are at work."""
    offset, replacement = tmp_path / "offset", tmp_path / "offset.new"
    offset.write_text("0")
    name = scene.launch("epochs=30 pace=0.01 waits")
    scene.dispatcher(**{moved_clock.SETTING: str(offset)})
    wait_for(lambda: scene.look(name) > 0)
    replacement.write_text(str(jump))
    replacement.replace(offset)
    (scene.folder(name).path / "go-on").touch()
    second = scene.launch("epochs=5")
    assert scene.end() == {name: "succeeded", second: "succeeded"}
    row = scene.store.experiment(name).row
    assert row.attempt == 1 and row.finished_at is not None and row.busy_seconds >= 0.0
    assert abs(row.finished_at - (time.time() + jump)) < HOUR / 2, "the jump did not reach the dispatcher"
    told = [event.at for event, _ in read_events(scene.folder(name).events) if isinstance(event, WorkerEnded)]
    assert abs(told[0] - (time.time() + jump)) < HOUR / 2, "nor the worker"
