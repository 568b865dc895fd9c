"""Asks for the examination of an experiment's networks, which a worker does, and reads what it found."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError

from distill_core.access import Acting, needs
from distill_core.audit import Audit
from distill_core.errors import Conflict
from distill_core.examined import MOST_NETWORKS, PARTS, VERSION, Examined
from distill_core.executors import chosen_executor
from distill_core.folders import ExperimentFolder, Home, read_json
from distill_core.results import finite
from distill_core.rows import ExperimentView, RunRow
from distill_core.store.requests import examines, write_examination_request
from distill_core.store.store import Store
from distill_core.store.transitions import ACTIVE, ENDED

E = TypeVar("E", bound=Examined)
# Rough: what starting the worker and two maps of each network took on two cores, and what those multiply in a second.
_STARTING_SECONDS, _MAP_SECONDS = 12.0, 1.5
_MACS_A_SECOND = {"cpu": 4e9, "cuda": 4e11}
# Passes through a network: robustness, the loss line, the layers; and the most samples of the first.
_PASSES, _SAMPLES, _MOST_MACS = 55, 1000, 1.2e12


class Examinations(Acting):
    """The examinations of one home. Thread-safe; every method returns at once."""

    def __init__(
        self, home: Home, store: Callable[[], Store], audit: Audit, *, ensure_dispatcher: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._home, self._store, self._audit = home, store, audit
        self._ensure_dispatcher, self._clock = ensure_dispatcher, clock

    # Look ------------------------------------------------------------------------------------

    @needs("viewer")
    def of(self, experiment_id: str, kind: type[E], *, seed: int | None = None) -> E | None:
        """What was found out about one question; None where nothing was yet, or only by another version.

        Without a `seed` the first in the spec that was examined. Raises NotFound.
        """
        folder = self._folder(experiment_id)
        found = self.seeds(experiment_id)
        chosen = seed if seed is not None else next(iter(found), None)
        if chosen is None:
            return None
        try:
            held = read_json(folder.examination(chosen, kind.part))
            return kind.model_validate(held) if held["version"] == VERSION else None
        # Not there, or damaged, which is examined anew.
        except (OSError, ValueError, KeyError, TypeError, ValidationError):
            return None

    @needs("viewer")
    def seeds(self, experiment_id: str) -> tuple[int, ...]:
        """Those of which anything was found out, in the order of the spec. Raises NotFound."""
        folder = self._folder(experiment_id)
        # Without an examination, which is the rule, nothing of the experiment need be read.
        if not folder.examination(0, "any").parents[1].is_dir():
            return ()
        seeds = self._store().experiment(experiment_id).spec.seeds
        return tuple(
            seed for seed in seeds if any(folder.examination(seed, kind.part).is_file() for kind in PARTS)
        )

    @needs("viewer")
    def is_underway(self, experiment_id: str) -> bool:
        """Whether an examination waits or runs. Whoever looks starts a dispatcher that died. Raises NotFound."""
        if self._store().state(experiment_id) not in ACTIVE:
            return False
        self._ensure_dispatcher()
        return examines(self._folder(experiment_id))

    @needs("viewer")
    def can_be_examined(self, view: ExperimentView) -> tuple[int, ...]:
        """The seeds with a trained student, in the order of the spec."""
        trained = {run.seed for run in view.runs if run.role in ("baseline", "student") and _is_trained(run)}
        return tuple(seed for seed in view.spec.seeds if seed in trained)

    @needs("viewer")
    def estimate_seconds(self, view: ExperimentView) -> float:
        """About how long an examination takes here: from the last one of this experiment, else from its sizes."""
        experiment_id = view.row.experiment_id
        before = [
            found.seconds for kind in PARTS if (found := self.of(experiment_id, kind)) is not None
        ]
        if len(before) == len(PARTS):
            return _STARTING_SECONDS + sum(before)
        by_name = {run.name: run.macs for run in view.runs if run.role != "compressed" and _is_trained(run)}
        largest = sorted(by_name.values(), reverse=True)[:MOST_NETWORKS]
        device = "cuda" if view.worker is not None and view.worker.device.startswith("cuda") else "cpu"
        work = min(_PASSES * _SAMPLES * sum(largest), _MOST_MACS) / _MACS_A_SECOND[device]
        return _STARTING_SECONDS + 3 * _MAP_SECONDS + work

    # Change ----------------------------------------------------------------------------------

    @needs("operator")
    def request(self, experiment_id: str, *, seed: int | None = None) -> None:
        """Queue the examination of a seed, by default the first trained; the experiment then ends as it has now.

        Parts that were found out of the same weights are not done again. Trouble is told in the experiment's notes.
        Raises NotFound, NotAllowed, and Conflict while the experiment is active or where no student is trained.
        """
        chosen_executor()
        self.actor.require_own(self._store().owner(experiment_id))
        view = self._store().experiment(experiment_id)
        state, reason = view.row.state, view.row.reason
        if state not in ENDED:
            raise Conflict(f"Experiment {experiment_id} is {state}; wait for its end, then examine its networks.")
        there = self.can_be_examined(view)
        if not there:
            raise Conflict(f"Experiment {experiment_id} has no trained student to examine yet.")
        chosen = there[0] if seed is None else seed
        if chosen not in there:
            listed = ", ".join(str(one) for one in there)
            raise Conflict(f"Seed {chosen} has no trained student; allowed: {listed}. Choose one of them.")
        folder = self._folder(experiment_id)
        self._store().transition(
            experiment_id, expected={state}, to="queued", at=self._clock(), reason="Examination requested.", attempt=0,
            prepare=lambda: write_examination_request(folder, chosen, state=state, reason=reason),
        )
        self._audit.record(self.actor.name, "examine", experiment_id, detail=f"seed {chosen}")
        self._ensure_dispatcher()

    # -----------------------------------------------------------------------------------------

    def _folder(self, experiment_id: str) -> ExperimentFolder:
        """Raises NotFound."""
        self._store().state(experiment_id)
        return self._home.experiment(experiment_id)


def _is_trained(run: RunRow) -> bool:
    return finite(run.score) is not None
