"""What the presets promise, as far as seconds can show; the demo in the browser holds the default one."""

from __future__ import annotations

import time
from pathlib import Path

from distill_core.event_log import EventLog, read_events
from distill_core.events import DataLoaded, RunDeclared, RunFinished
from distill_core.folders import Home
from distill_core.pipeline import run_experiment
from distill_core.presets import find_preset


def test_the_distilled_student_learns_the_digit_it_never_saw(tmp_path: Path) -> None:
    home = Home(tmp_path)
    folder = home.experiment("missing")
    spec = find_preset("digits-missing").spec.model_copy(update={"seeds": (0, 1)})
    log = EventLog(folder.events)
    run_experiment(
        spec, folder, reuse={}, request={}, emit=log, should_stop=lambda: False, clock=time.time
    )
    log.close()
    events = [event for event, _ in read_events(folder.events)]
    three = next(event for event in events if isinstance(event, DataLoaded)).class_names.index("3")
    names = {event.run_id: event.name for event in events if isinstance(event, RunDeclared)}
    told = [event for event in events if isinstance(event, RunFinished)]
    on_threes = {
        name: [event.per_class[three] for event in told if names[event.run_id] == name] for name in names.values()
    }
    assert max(on_threes["alone"]) < 0.02
    assert sum(on_threes["distilled T=16"]) / 2 > 0.3
    assert on_threes["teacher"][0] > 0.9
