"""A worker that was stopped, or cut off with its node, wakes after its successor has finished: it harms nothing."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Literal

import pytest

from distill_core.executors.local import LocalExecutor
from distill_core.folders import ExperimentFolder
from distill_core.jobs.dispatcher import Dispatcher
from distill_core.processes import identity_of, read_stamp
from distill_core.store.transitions import ENDED
from tests.faults.quick_worker import RUNS, loss_of
from tests.faults.scene import QUICK_WORKER, Scene
from tests.faults.settling import seen, settled, wait_for

pytestmark = pytest.mark.faults


class CutOff(LocalExecutor):
    """Of the workers in `lost` it knows nothing and can do nothing to them, as of those on a node without a network."""

    def __init__(self) -> None:
        super().__init__(command=(sys.executable, str(QUICK_WORKER)))
        self.lost: set[int] = set()

    def cut_off(self, pid: int) -> None:
        self.lost.add(pid)
        # Nor is it anybody's child here.
        self._children.clear()

    def _is_lost(self, folder: ExperimentFolder) -> bool:
        stamp = read_stamp(folder.worker_stamp)
        return stamp is not None and stamp.pid in self.lost

    def status(self, folder: ExperimentFolder) -> Literal["none", "alive", "gone"]:
        return "gone" if self._is_lost(folder) else super().status(folder)

    def end(self, folder: ExperimentFolder, *, force: bool) -> None:
        if not self._is_lost(folder):
            super().end(folder, force=force)


def content(folder: Path) -> dict[str, bytes]:
    """Every file of the experiment but what its process says for itself."""
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "worker.log"
    }


def test_it_wakes_after_its_successor_finished_and_leaves_without_a_word(scene: Scene) -> None:
    executor = CutOff()
    dispatcher = Dispatcher(scene.home, scene.store, executor, pause_seconds=0.1)
    name = scene.launch("epochs=20 waits")
    folder = scene.folder(name)
    wait_for(lambda: (dispatcher.tick(), scene.look(name) > 0)[1])
    first = scene.worker(name)
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    executor.cut_off(first)
    # It has a processor of its own there, and this file system does not show what is locked there.
    for lock in (folder.worker_lock, scene.home.processor_lock):
        lock.unlink()
    wait_for(lambda: (dispatcher.tick(), scene.worker(name) not in (None, first))[1])
    (folder.path / "go-on").touch()
    wait_for(lambda: (dispatcher.tick(), scene.state(name) in ENDED)[1])
    wait_for(lambda: not dispatcher.tick())
    assert scene.state(name) == "succeeded" and scene.store.experiment(name).row.attempt == 2
    before = content(folder.path)
    os.kill(first, signal.SIGCONT)
    wait_for(lambda: identity_of(first) is None, why=scene.story)
    assert content(folder.path) == before, "it wrote into what is another's"
    assert not dispatcher.tick() and scene.state(name) == "succeeded"
    assert seen(scene.store, name) == {(run, number, loss_of(run, number)) for run in RUNS for number in range(1, 21)}
    assert settled(scene.home, scene.acknowledged) == {name: "succeeded"}


@pytest.mark.slow
def test_a_stopped_worker_of_this_machine_is_ended_and_its_successor_goes_on(scene: Scene) -> None:
    name = scene.launch("epochs=20 waits")
    scene.dispatcher(DISTILL_LEASE_SECONDS="8")
    wait_for(lambda: scene.look(name) > 0)
    first = scene.worker(name)
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    wait_for(lambda: scene.worker(name) not in (None, first), seconds=90, why=scene.story)
    (scene.folder(name).path / "go-on").touch()
    assert scene.end() == {name: "succeeded"}
    assert identity_of(first) is None and "sign of life" in scene.story()
