"""A home in which experiments run inside the test's process, for the tests of the pipeline."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from distill_core.event_log import EventLog, read_events
from distill_core.events import Event, RunDeclared, RunFinished, WorkerEnded
from distill_core.folders import ExperimentFolder, Home
from distill_core.pipeline import run_experiment
from distill_core.spec import parse_spec

T = TypeVar("T", bound=Event)


class PipelineLab:
    """Runs experiments and reads what they told."""

    def __init__(self, path: Path) -> None:
        self.home = Home(path)

    def run(
        self,
        name: str,
        data: dict[str, Any],
        *,
        stop: Callable[[], bool] = lambda: False,
        request: dict[str, Any] | None = None,
    ) -> WorkerEnded:
        folder = self.home.experiment(name)
        reuse = {run.name: str(run) for run in self.home.experiments.glob("*/runs/*") if run.parent.parent.name != name}
        log = EventLog(folder.events)
        try:
            return run_experiment(
                parse_spec(data),
                folder,
                reuse=reuse,
                request=request or {},
                emit=log,
                should_stop=stop,
                clock=time.time,
            )
        finally:
            log.close()

    def told(self, name: str, kind: type[T]) -> list[T]:
        return [event for event, _ in read_events(self.home.experiment(name).events) if isinstance(event, kind)]

    def folder(self, name: str) -> ExperimentFolder:
        return self.home.experiment(name)


def after(count: int) -> Callable[[], bool]:
    asked = iter([False] * count)
    return lambda: next(asked, True)


def accuracies(lab: PipelineLab, name: str) -> dict[tuple[str, int], float]:
    declared = {run.run_id: (run.name, run.seed) for run in lab.told(name, RunDeclared)}
    return {declared[run.run_id]: run.accuracy for run in lab.told(name, RunFinished)}
