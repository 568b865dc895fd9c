"""A home with real dispatchers and quick workers as processes, which a test starts, disturbs and looks at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from distill_core.events import State
from distill_core.folders import ExperimentFolder, Home
from distill_core.processes import identity_of, is_held, read_stamp
from distill_core.store.store import Store
from distill_core.store.transitions import ENDED
from tests.faults.settling import Point, processes_of, seen, settled, wait_for
from tests.store_samples import small_spec

QUICK_DISPATCHER = Path(__file__).with_name("quick_dispatcher.py")
QUICK_WORKER = Path(__file__).with_name("quick_worker.py")


class Scene:
    """`acknowledged` gathers what `look` saw; `end` waits for all and asserts that everything is settled."""

    def __init__(self, home: Home) -> None:
        self.home, self.store = home, Store(home)
        self.acknowledged: dict[str, set[Point]] = {}
        self.dispatchers: list[subprocess.Popen[bytes]] = []

    def launch(self, name: str = "epochs=20", *, device: str = "cpu") -> str:
        experiment_id = f"e{len(list(self.home.experiments.glob('*'))):03}"
        return self.store.create(
            small_spec(name, device=device), experiment_id=experiment_id, created_at=time.time(),
            idempotency_key=experiment_id,
        )

    def dispatcher(
        self, *, idle_seconds: float = 0.5, prefix: tuple[str, ...] = (), **environment: str
    ) -> subprocess.Popen[bytes]:
        self.home.path.mkdir(parents=True, exist_ok=True)
        with self.home.path.with_name("dispatcher.errors").open("ab") as errors:
            process = subprocess.Popen(
                [*prefix, sys.executable, str(QUICK_DISPATCHER), str(self.home.path), str(idle_seconds)],
                env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                start_new_session=True,
            )
        self.dispatchers.append(process)
        return process

    def folder(self, experiment_id: str) -> ExperimentFolder:
        return self.home.experiment(experiment_id)

    def worker(self, experiment_id: str) -> int | None:
        """Pid of the living worker."""
        stamp = read_stamp(self.folder(experiment_id).worker_stamp)
        return stamp.pid if stamp is not None and identity_of(stamp.pid) == stamp.identity else None

    def state(self, experiment_id: str) -> State:
        return self.store.state(experiment_id)

    def look(self, experiment_id: str) -> int:
        """What a reader of the live curves does; returns how many points there are."""
        points = seen(self.store, experiment_id)
        self.acknowledged.setdefault(experiment_id, set()).update(points)
        return len(points)

    def kill_worker(self, experiment_id: str) -> None:
        """It alone, as the kernel does for want of memory, unless it has just ended: its children stay."""
        pid = self.worker(experiment_id)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill_dispatcher(self) -> None:
        self.dispatchers[-1].kill()
        self.dispatchers[-1].wait()
        wait_for(lambda: not is_held(self.home.dispatcher_lock))

    def end(self, *, seconds: float = 180, needs_dispatcher: bool = False) -> dict[str, State]:
        """Waits until all has ended and the dispatchers have left; returns how each experiment ended."""
        names = [path.name for path in self.home.experiments.glob("*")]
        if needs_dispatcher:
            self.dispatcher()

        def ended() -> bool:
            for name in names:
                self.look(name)
            return all(self.state(name) in ENDED for name in names)

        wait_for(ended, seconds=seconds, why=self.story)
        for process in self.dispatchers:
            process.wait(timeout=30)
        return settled(self.home, self.acknowledged)

    def story(self) -> str:
        """For whoever reads of a failure: what the dispatchers and the journals say."""
        journals = [folder.journal for folder in map(ExperimentFolder, self.home.experiments.glob("*"))]
        files = [self.home.dispatcher_log, self.home.path.with_name("dispatcher.errors"), *journals]
        return "\n".join(f"{path}:\n{path.read_text()[-3000:]}" for path in files if path.exists())

    def clear(self) -> None:
        """After a test, whatever it left."""
        self.store.close()
        for process in processes_of(self.home):
            with suppress(psutil.Error):
                process.kill()
        for process in self.dispatchers:
            process.kill()
            process.wait()
