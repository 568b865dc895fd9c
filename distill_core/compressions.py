"""What the compression of an experiment found out beside its runs' figures; loads no torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from distill_core.access import Acting, needs
from distill_core.folders import Home, read_json
from distill_core.store.store import Store


class Compressions(Acting):
    """The compressed runs of one home. Thread-safe; every method returns at once."""

    def __init__(self, home: Home, store: Callable[[], Store]) -> None:
        self._home, self._store = home, store

    @needs("viewer")
    def sensitivity(self, experiment_id: str, run_id: str) -> dict[str, Any] | None:
        """What each strength of each step costs a trained run, or None where that was not measured.

        {"validation": samples, "metric": name, "untouched": value, "notes": sentences, "curves": [{"step", "title",
        "strength": the parameter, "layer": name, or "" for all together, "points": [[strength, value], ...]}]}; values
        of the metric are measured on validation data. Raises NotFound for an experiment that is not there.
        """
        self._store().state(experiment_id)
        path = self._home.experiment(experiment_id).run(run_id).sensitivity
        if not path.is_file():
            return None
        found: dict[str, Any] = read_json(path)
        return found
