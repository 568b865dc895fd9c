"""The real worker around a pipeline that trains nothing: epochs are made up, told and checkpointed. Run as a script.

The spec's name says how, as words: `epochs=40`, `pace=0.01` (seconds an epoch), `waits` (for the file go-on after its
first epoch), `forks` (a child of its own), `floods=1000000` (bytes printed each epoch).
"""

# ruff: noqa: E402 - the clock comes first
from __future__ import annotations

import atexit
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.faults import moved_clock

# Before anything of ours is loaded that takes the clock by its name.
moved_clock.install()

from distill_core.events import EpochEnded, Event, WorkerEnded, to_plain
from distill_core.folders import ExperimentFolder, read_json, write_json
from distill_core.spec import ExperimentSpec
from tests.store_samples import declared, epoch, finished

RUNS = ("a", "b")


def loss_of(run_id: str, number: int) -> float:
    """What an undisturbed training would tell."""
    return 1.0 / (number + RUNS.index(run_id) + 1)


def options(name: str) -> dict[str, str]:
    return {word.partition("=")[0]: word.partition("=")[2] for word in name.split()}


def run_experiment(
    spec: ExperimentSpec, folder: ExperimentFolder, *, emit: Callable[[Event], None], should_stop: Callable[[], bool],
    **_: Any,
) -> WorkerEnded:
    chosen = options(spec.name)
    last, pace = int(chosen.get("epochs", "20")), float(chosen.get("pace", "0.005"))
    if "forks" in chosen:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
        # As a data loader's processes do when all goes well; whoever is killed cannot.
        atexit.register(lambda: (child.kill(), child.wait()))
    for run_id in RUNS:
        emit(declared(run_id, name=run_id))
    curves: dict[str, list[EpochEnded]] = {run_id: [] for run_id in RUNS}
    done = {run_id: _done(folder, run_id) for run_id in RUNS}
    for number in range(1, last + 1):
        for run_id in RUNS:
            told = epoch(run_id, number, loss=loss_of(run_id, number))
            curves[run_id].append(told)
            if number > done[run_id]:
                emit(told)
                write_json(folder.run(run_id).path / "quick.json", {"epoch": number})
        if "floods" in chosen:
            sys.stdout.write("x" * 199 + "\n" * 1)
            for _ in range(int(chosen["floods"]) // 200):
                sys.stdout.write("y" * 199 + "\n")
        held = "waits" in chosen or ("lingers" in chosen and number == last)
        while held and not (folder.path / "go-on").exists() and not should_stop():
            time.sleep(0.01)
        if should_stop():
            return WorkerEnded(at=time.time(), outcome="cancelled", reason="Stopped.")
        time.sleep(pace)
    for run_id in RUNS:
        curve = [to_plain(point) for point in curves[run_id]]
        write_json(folder.run(run_id).result, {"state": "finished", "curve": curve})
        emit(finished(run_id))
    return WorkerEnded(at=time.time(), outcome="succeeded")


def _done(folder: ExperimentFolder, run_id: str) -> int:
    path = folder.run(run_id).path / "quick.json"
    return int(read_json(path)["epoch"]) if path.exists() else 0


if __name__ == "__main__":
    pipeline = ModuleType("distill_core.pipeline")
    pipeline.run_experiment = run_experiment  # type: ignore[attr-defined]
    sys.modules["distill_core.pipeline"] = pipeline
    from distill_core.jobs import worker

    sys.exit(worker.main(sys.argv[1:]))
