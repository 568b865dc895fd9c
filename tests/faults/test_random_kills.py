"""kill -9 of workers and dispatchers at random moments: the work goes on to the numbers of an undisturbed one."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.quick_worker import RUNS, loss_of
from tests.faults.scene import Scene
from tests.faults.settling import seen, wait_for

pytestmark = pytest.mark.faults
# So many that two kills, half a second after a sign of life each, meet a worker that is still at work.
EPOCHS = 160


def undisturbed(epochs: int) -> set[tuple[str, int, float]]:
    return {(run, number, loss_of(run, number)) for run in RUNS for number in range(1, epochs + 1)}


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 24))])
def test_a_worker_killed_twice_at_any_moment_tells_the_same_numbers(scene: Scene, seed: int) -> None:
    draw = random.Random(seed)
    # Held at its last epoch: however slow the machine, a kill meets a worker.
    name = scene.launch(f"epochs={EPOCHS} pace=0.01 forks lingers")
    scene.dispatcher()
    for attempt in (1, 2):
        wait_for(lambda: scene.worker(name) is not None)
        if seed % 3:
            # In its epochs; else anywhere from its first line of code on.
            started = scene.look(name)
            wait_for(lambda before=started: scene.look(name) > before or before == len(RUNS) * EPOCHS)
        time.sleep(draw.uniform(0.0, 0.5))
        scene.kill_worker(name)
        wait_for(lambda seen=attempt: scene.store.experiment(name).row.attempt > seen)
    (scene.folder(name).path / "go-on").touch()
    assert scene.end() == {name: "succeeded"}
    row = scene.store.experiment(name).row
    assert row.attempt == 3 and seen(scene.store, name) == undisturbed(EPOCHS)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_a_dispatcher_killed_with_two_workers_running_is_replaced_and_both_go_on(scene: Scene, seed: int) -> None:
    draw = random.Random(seed)
    names = [scene.launch(f"epochs={EPOCHS} pace=0.01 waits", device=device) for device in ("cpu", "cuda:0")]
    scene.dispatcher()
    wait_for(lambda: all(scene.look(name) for name in names), why=scene.story)
    workers = [scene.worker(name) for name in names]
    scene.kill_dispatcher()
    assert [scene.worker(name) for name in names] == workers, "its workers are not its prisoners"
    # One ends while nobody is there to see it; the other must be followed by the next dispatcher.
    (scene.folder(names[0]).path / "go-on").touch()
    wait_for(lambda: scene.worker(names[0]) is None)
    time.sleep(draw.uniform(0.0, 0.2))
    scene.dispatcher()
    wait_for(lambda: scene.state(names[0]) == "succeeded")
    assert scene.worker(names[1]) == workers[1]
    (scene.folder(names[1]).path / "go-on").touch()
    assert scene.end() == dict.fromkeys(names, "succeeded")
    for name in names:
        assert scene.store.experiment(name).row.attempt == 1
        assert seen(scene.store, name) == undisturbed(EPOCHS)


def test_dispatchers_killed_again_and_again_lose_nothing(scene: Scene) -> None:
    draw = random.Random(7)
    names = [scene.launch("epochs=30 pace=0.01") for _ in range(3)]
    for _ in range(6):
        scene.dispatcher()
        time.sleep(draw.uniform(0.1, 1.0))
        scene.kill_dispatcher()
    assert scene.end(needs_dispatcher=True) == dict.fromkeys(names, "succeeded")
    for name in names:
        assert seen(scene.store, name) == undisturbed(30)
        # One that is killed in the instant between its note that a worker begins and the worker's first word cannot
        # tell its successor whether there is one: such an instant costs an attempt, and no number.
        assert scene.store.experiment(name).row.attempt <= 2
