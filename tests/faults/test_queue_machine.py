"""Any sequence of what people and accidents do to the queue ends well: one end each, no device beyond its memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from distill_core.audit import Audit
from distill_core.errors import Conflict
from distill_core.event_log import EventLog, read_events
from distill_core.events import Event, Failure, StateChanged, WorkerEnded
from distill_core.executors.executor import Placement, Slot, read_placement
from distill_core.folders import ExperimentFolder, Home, write_json
from distill_core.jobs.dispatching import Dispatcher
from distill_core.jobs.placing import GB, USABLE_SHARE
from distill_core.processes import Stamp
from distill_core.queue import Queue
from distill_core.store.store import Store
from distill_core.store.transitions import BUSY, ENDED
from tests.store_samples import declared, finished, small_spec, worker_started

pytestmark = pytest.mark.faults
GPU, CPU = Slot("cuda:0", "cuda:0", "a GPU", 80 * GB), Slot("cpu", "cpu", "a processor", 8 * GB)


class Puppets:
    """An executor whose workers are strings: they live until they are told to end."""

    def __init__(self) -> None:
        self.alive: dict[Path, Placement] = {}

    def slots(self) -> Sequence[Slot]:
        return [GPU, CPU]

    def start(self, folder: ExperimentFolder) -> None:
        if folder.path in self.alive:
            raise Conflict("A worker is still at work.")
        placement = read_placement(folder)
        assert placement is not None
        self.alive[folder.path] = placement
        offset = folder.events.stat().st_size if folder.events.exists() else 0
        write_json(folder.worker_stamp, asdict(Stamp(1, 0.0, "elsewhere:1:1", placement.attempt, offset)))
        self._tell(folder, worker_started(token=placement.token, device=placement.device), declared("r"))

    def status(self, folder: ExperimentFolder) -> Literal["none", "alive", "gone"]:
        return "alive" if folder.path in self.alive else "gone" if folder.worker_stamp.exists() else "none"

    def end(self, folder: ExperimentFolder, *, force: bool) -> None:
        if force:
            self.alive.pop(folder.path, None)
        elif folder.path in self.alive:
            self.finish(folder, "cancelled")

    def finish(self, folder: ExperimentFolder, outcome: str, failure: Failure = "") -> None:
        token = self.alive[folder.path].token
        if outcome == "succeeded":
            self._tell(folder, finished("r"))
        self._tell(folder, WorkerEnded(at=1.0, outcome=outcome, failure=failure, token=token))  # type: ignore[arg-type]
        del self.alive[folder.path]

    def _tell(self, folder: ExperimentFolder, *events: Event) -> None:
        with closing(EventLog(folder.events)) as log:
            for event in events:
                log(event)


class QueueMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.place, self.now, self.names = Path(tempfile.mkdtemp()), 100.0, []
        self.home, self.puppets = Home(self.place), Puppets()
        self.store = Store(self.home)
        self.queue = Queue(
            self.home, lambda: self.store, Audit(self.home, clock=self.clock), ensure_dispatcher=lambda: None,
            clock=self.clock,
        )
        self.dispatchers = [self.dispatcher(), self.dispatcher()]

    def teardown(self) -> None:
        if not hasattr(self, "place"):
            return
        self.queue.unpause()
        for _ in range(400):
            for dispatcher in self.dispatchers:
                dispatcher.tick()
            for path in list(self.puppets.alive):
                self.puppets.finish(ExperimentFolder(path), "succeeded")
            if all(self.store.state(name) in ENDED for name in self.names):
                break
        for name in self.names:
            states = [
                event.state for event, _ in read_events(self.home.experiment(name).journal)
                if isinstance(event, StateChanged)
            ]
            assert states[-1] in ENDED and not self.puppets.alive, (name, states)
            # What has ended moves again only by being queued anew, which here is the undoing of a removal.
            for before, after in pairwise(states):
                assert before not in ENDED or (before, after) == ("cancelled", "queued"), states
        self.store.close()
        shutil.rmtree(self.place)

    def clock(self) -> float:
        self.now += 1
        return self.now

    def dispatcher(self) -> Dispatcher:
        return Dispatcher(
            self.home, self.store, self.puppets, clock=self.clock, monotonic=lambda: self.now, pause_seconds=0.0,
            stamp_seconds=5.0, silence_seconds=10**6, kills=lambda: None,
        )

    def one_of(self, number: int) -> str:
        return self.names[number % len(self.names)]

    @rule(memory=st.sampled_from([None, None, 20, 40]), device=st.sampled_from(["auto", "auto", "cpu", "cuda:0"]))
    def launch(self, memory: float | None, device: str) -> None:
        name = f"e{len(self.names)}"
        spec = small_spec(device=device, gpu_memory_gb=memory)
        self.names.append(self.store.create(spec, experiment_id=name, created_at=self.clock()))

    @rule(which=st.integers(0, 1))
    def tick(self, which: int) -> None:
        self.dispatchers[which].tick()

    @rule(which=st.integers(0, 1))
    def restart(self, which: int) -> None:
        self.dispatchers[which] = self.dispatcher()

    @precondition(lambda self: self.names)
    @rule(number=st.integers(0, 50), to=st.integers(1, 5))
    def move(self, number: int, to: int) -> None:
        with suppress(Conflict):
            self.queue.move(self.one_of(number), to=to)

    @precondition(lambda self: self.names)
    @rule(number=st.integers(0, 50))
    def remove_and_maybe_undo(self, number: int) -> None:
        name = self.one_of(number)
        with suppress(Conflict):
            self.queue.remove(name)
            if number % 2:
                self.queue.put_back(name)

    @precondition(lambda self: self.names)
    @rule(number=st.integers(0, 50))
    def stop(self, number: int) -> None:
        name = self.one_of(number)
        with suppress(Conflict):
            self.store.transition(name, expected=BUSY - {"stopping"}, to="stopping", at=self.clock())

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        self.queue.pause() if paused else self.queue.unpause()

    @precondition(lambda self: self.puppets.alive)
    @rule(
        number=st.integers(0, 50),
        how=st.sampled_from(["succeeded", "cancelled", "out-of-memory", "error", "killed"]),
    )
    def a_worker_ends(self, number: int, how: str) -> None:
        path = sorted(self.puppets.alive)[number % len(self.puppets.alive)]
        if how == "killed":
            del self.puppets.alive[path]
        elif how in ("succeeded", "cancelled"):
            self.puppets.finish(ExperimentFolder(path), how)
        else:
            self.puppets.finish(ExperimentFolder(path), "failed", how)  # type: ignore[arg-type]

    @invariant()
    def no_device_has_more_than_it_holds(self) -> None:
        if not hasattr(self, "place"):
            return
        for slot in (GPU, CPU):
            needs = [found.gpu_memory_bytes for found in self.puppets.alive.values() if slot.name in found.slots]
            assert len(needs) <= 1 or (slot.is_gpu and 0 not in needs), needs
            assert sum(needs) <= USABLE_SHARE * slot.memory_bytes


QueueMachine.TestCase.settings = settings(
    max_examples=8, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True,
    # A failure is told as it is found: shrinking it would take minutes.
    phases=(Phase.explicit, Phase.generate),
)
TestQueueMachine = QueueMachine.TestCase
