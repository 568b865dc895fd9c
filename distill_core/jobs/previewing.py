"""What a designer may ask before launch: figures, layers, variants, the deep check; all from the preview process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from distill_core.access import Acting, needs
from distill_core.folders import Home
from distill_core.jobs.preview_client import PreviewClient
from distill_core.spec import Choice, ExperimentSpec
from distill_core.store.store import Store
from distill_core.store.transitions import BUSY

# A large teacher on a processor takes seconds for each of the few steps that are timed.
_LONGEST_SECONDS = 180.0


class ReusedRun(NamedTuple):
    """A planned run that needs no training, and the experiment whose outcome it takes."""

    name: str
    seed: int
    experiment_id: str


class Previews(Acting):
    """Takes seconds where the preview process must first be started. Thread-safe, loads no torch."""

    def __init__(self, home: Home, store: Callable[[], Store]) -> None:
        self._client, self._store = PreviewClient(home), store

    @needs("viewer")
    def profile(self, spec: ExperimentSpec) -> dict[str, Any]:
        """PreviewAnswers.profile, and `reused`: ReusedRun dicts. Raises SpecError, HelperUnavailable."""
        known, busy = self._store().reusable_runs(), bool(self._store().in_states(BUSY))
        places = {run_id: str(path) for run_id, path in known.items()}
        request = {"spec": spec.to_json(), "busy": busy, "reused": sorted(known), "trained": places}
        told = self._client.ask("profile", request, timeout_seconds=_LONGEST_SECONDS)
        reused = [
            ReusedRun(run["name"], run["seed"], known[run["run_id"]].parent.parent.name)
            for run in told["runs"]
            if run["run_id"] in known
        ]
        return told | {"reused": [run._asdict() for run in reused]}

    @needs("viewer")
    def check(self, spec: ExperimentSpec) -> None:
        """Refuse what only the data and the networks can tell. Raises SpecError, DataError, DeviceError."""
        self._client.ask("check", {"spec": spec.to_json()}, timeout_seconds=_LONGEST_SECONDS)

    @needs("viewer")
    def layers(self, dataset: Choice, teacher: Choice, student: Choice) -> dict[str, Any]:
        """LayersAnswer.answer: the inner layers of both networks, with shapes."""
        chosen = {"dataset": dataset, "teacher": teacher, "student": student}
        request = {name: choice.model_dump(mode="json") for name, choice in chosen.items()}
        return self._client.ask("layers", request, timeout_seconds=_LONGEST_SECONDS)

    @needs("viewer")
    def variants(self, spec: ExperimentSpec, generator: Choice, *, temperature: float = 4.0) -> dict[str, Any]:
        """Samples, their variants and, if this teacher is already trained, its soft labels: see variants_answer."""
        known = self._store().reusable_runs()
        request: dict[str, Any] = {
            "spec": spec.to_json(), "generator": generator.model_dump(mode="json"), "temperature": temperature,
            "trained": {run_id: str(path) for run_id, path in known.items()},
        }
        return self._client.ask("variants", request, timeout_seconds=_LONGEST_SECONDS)

    @needs("viewer")
    def sweep(self, probe: ExperimentSpec, rounds: Sequence[ExperimentSpec]) -> dict[str, Any]:
        """PreviewAnswers.sweep. Raises SpecError, HelperUnavailable."""
        known, busy = self._store().reusable_runs(), bool(self._store().in_states(BUSY))
        request = {
            "spec": probe.to_json(), "rounds": [spec.to_json() for spec in rounds], "busy": busy,
            "reused": sorted(known),
        }
        return self._client.ask("sweep", request, timeout_seconds=_LONGEST_SECONDS)

    @needs("viewer")
    def self_check(self) -> dict[str, Any]:
        """Our losses and statistics against values computed elsewhere: see self_check_answer. HelperUnavailable."""
        return self._client.ask("self-check", timeout_seconds=_LONGEST_SECONDS)
