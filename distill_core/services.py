"""All that pages and the command line can ask for or do: one `Lab` per home folder."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from distill_core.access import Acting, Actor, needs
from distill_core.artifacts import Artifacts
from distill_core.audit import Action, Audit
from distill_core.budgets import Budgets
from distill_core.bundles import Bundles
from distill_core.catalog import Catalogue
from distill_core.classroom import Classroom
from distill_core.compressions import Compressions
from distill_core.corrections import Corrections
from distill_core.errors import Conflict, Problem, SpecError
from distill_core.events import State
from distill_core.evidence import Evidence
from distill_core.examinations import Examinations
from distill_core.executors import chosen_executor
from distill_core.fitness import Fitness
from distill_core.folders import Home, default_home
from distill_core.jobs.absent import absent_here
from distill_core.jobs.catalogue import load_catalogue
from distill_core.jobs.previewing import Previews
from distill_core.jobs.starting import DispatcherStarter
from distill_core.lens import Lens
from distill_core.looking import Looking
from distill_core.measurements import Measurements
from distill_core.notes import Notes
from distill_core.people import People
from distill_core.presets import Preset, load_presets
from distill_core.queue import Queue
from distill_core.reports import Reports
from distill_core.results import finite, run_of
from distill_core.scripts import Scripts
from distill_core.sharing import Shares
from distill_core.shelf import Shelf
from distill_core.spec import ExperimentSpec, parse_spec
from distill_core.store.records import new_experiment_id
from distill_core.store.requests import write_export_request
from distill_core.store.store import Store
from distill_core.store.transitions import ACTIVE, BUSY, ENDED
from distill_core.sweeping import Sweeps
from distill_core.trying import Trying
from distill_core.upkeep import Upkeep
from distill_core.uploads import Uploads
from distill_core.weights import WeightsShelf


@dataclass
class _Opened:
    """What is opened once, whoever a twin of the lab acts for."""

    store: Store | None = None
    catalogue: Catalogue | None = None


class Lab(Looking):
    """The composition root. Thread-safe, loads no torch; every method returns at once unless it says otherwise.

    `idle_seconds`: how long a dispatcher that this lab starts stays after its last work.
    """

    def __init__(
        self, home: Home | None = None, *, clock: Callable[[], float] = time.time,
        randomness: Callable[[int], int] = secrets.randbelow, idle_seconds: float = 30.0,
    ) -> None:
        self.home = home or Home(default_home())
        self._clock, self._randomness = clock, randomness
        # Two locks: describing the catalogue takes seconds, during which pages must reach the store.
        self._lock, self._catalogue_lock = threading.RLock(), threading.Lock()
        # From counting a person's experiments to the next: two launches at once must not both be the last allowed.
        self._launching = threading.Lock()
        self._opened = _Opened()
        self._starter = DispatcherStarter(self.home, idle_seconds=idle_seconds)
        self.shelf = Shelf(self.home, clock=clock, check_room=self._check_room)
        self.weights = WeightsShelf(self.home, check_room=self._check_room)
        self.previews = Previews(self.home, lambda: self.store)
        self.compressions = Compressions(self.home, lambda: self.store)
        self.budgets = Budgets(lambda: self.store)
        self.fitness = Fitness(self.home)
        self.bundles = Bundles(self.home, lambda: self.store, self.catalogue)
        self.scripts = Scripts(self.home, lambda: self.store, self.catalogue)
        self.artifacts = Artifacts(self.home, lambda: self.store, self.bundles, clock=clock)
        self.trying = Trying(self.home)
        self.evidence = Evidence(self.home, self.catalogue)
        self.lens = Lens(self.home, lambda: self.store, self.trying)
        self.latency = Measurements(self.home, lambda: self.store, clock=clock)
        self.corrections = Corrections(self.home, lambda: self.store, clock=clock)
        self.audit = Audit(self.home, clock=clock)
        self.people = People(self.home, lambda: self.store, self.audit)
        self.queue = Queue(
            self.home, lambda: self.store, self.audit, ensure_dispatcher=lambda: self._starter.ensure(), clock=clock,
            check_launch=lambda actor: self.people.acting_as(actor).check_launch(),
        )
        self.uploads = Uploads(self.home, clock=clock, check_room=self._check_room)
        self.shares = Shares(self.home, lambda: self.store, self.catalogue, audit=self.audit, clock=clock)
        self.notes = Notes(self.home, lambda: self.store, self.audit, clock=clock)
        self.reports = Reports(
            self.home, lambda: self.store, self.catalogue, self.notes, audit=self.audit, clock=clock
        )
        self.lessons = Classroom(
            lambda: self.store, self.catalogue,
            lambda actor, spec, key: self.acting_as(actor).launch(spec, idempotency_key=key),
        )
        self.examinations = Examinations(
            self.home, lambda: self.store, self.audit, ensure_dispatcher=lambda: self._starter.ensure(), clock=clock
        )
        self.sweeps = Sweeps(
            self.home, lambda: self.store, self.catalogue, self.previews, self.audit,
            ensure_dispatcher=lambda: self._starter.ensure(), clock=clock, randomness=randomness,
            check_launch=lambda actor: self.people.acting_as(actor).check_launch(), problems=self._absent,
        )
        self.upkeep = Upkeep(self.home, lambda: self.store, self.audit, clock=clock)

    def acting_as(self, actor: Actor) -> Self:
        """The same lab on behalf of somebody, with all its parts."""
        twin = super().acting_as(actor)
        for name, part in vars(self).items():
            if isinstance(part, Acting):
                setattr(twin, name, part.acting_as(actor))
        return twin

    @property
    def store(self) -> Store:
        """The index; raises HomeUnusable, or DamagedIndex if its file cannot be used."""
        with self._lock:
            if self._opened.store is None:
                self._opened.store = Store(self.home)
            return self._opened.store

    # Design ----------------------------------------------------------------------------------

    @needs("viewer")
    def catalogue(self) -> Catalogue:
        """What can be chosen. The first call after an update of the code takes seconds."""
        with self._catalogue_lock:
            if self._opened.catalogue is None:
                self._opened.catalogue = load_catalogue(self.home)
            return self._opened.catalogue

    @needs("viewer")
    def presets(self) -> tuple[Preset, ...]:
        return load_presets()

    @needs("viewer")
    def complete(self, data: dict[str, Any]) -> ExperimentSpec:
        """The spec of parsed JSON with every default filled in; raises SpecError with all problems."""
        return self.catalogue().check(parse_spec(data))

    @needs("viewer")
    def check(self, data: dict[str, Any]) -> ExperimentSpec:
        """`complete`, and refused too if this machine lacks its device, folder or corrections."""
        spec = self.complete(data)
        if problems := self._absent(spec):
            raise SpecError(problems)
        return spec

    @needs("viewer")
    def preview(self, spec: ExperimentSpec) -> dict[str, Any]:
        """PreviewAnswers.profile, and which runs will be reused. Takes seconds; SpecError, HelperUnavailable."""
        return self.previews.profile(spec)

    # Act -------------------------------------------------------------------------------------

    @needs("operator")
    def launch(self, spec: ExperimentSpec, *, idempotency_key: str = "") -> str:
        """Queue an experiment and return its id; the same key returns the same id. Raises SpecError, HomeUnusable.

        Where only the networks themselves can tell that the spec fits, they are asked, which takes seconds.
        """
        chosen_executor()
        if known := self.store.made_by(idempotency_key):
            # A second click, which is nothing new to any quota.
            self._starter.ensure()
            return known
        checked = self.catalogue().check(spec)
        if self.catalogue().reads_layers(checked):
            self.previews.check(checked)
        now = self._clock()
        proposed = new_experiment_id(now, self._randomness)
        with self._launching:
            if known := self.store.made_by(idempotency_key):
                return known
            self.people.check_launch()
            experiment_id = self.store.create(
                checked, experiment_id=proposed, created_at=now, idempotency_key=idempotency_key,
                owner=self.actor.name,
            )
        if experiment_id == proposed:
            self._record("launch", experiment_id, detail=checked.name)
        self._starter.ensure()
        return experiment_id

    @needs("operator")
    def stop(self, experiment_id: str) -> None:
        """Ask for a usable end; a waiting experiment ends at once. Raises NotFound, Conflict.

        One that only waits for an export or makes it ends as it had ended before.
        """
        now, state = self._clock(), self._own(experiment_id)
        if state == "queued":
            try:
                self.store.transition(
                    experiment_id, expected={"queued"}, to="cancelled", at=now, reason="Stopped before it began."
                )
                self._record("stop", experiment_id)
                return
            except Conflict:
                # The dispatcher was quicker.
                state = self.store.state(experiment_id)
        if state == "stopping":
            return
        if state not in BUSY:
            raise Conflict(f"Experiment {experiment_id} is {state}; only one that waits or runs can be stopped.")
        request = self.home.experiment(experiment_id).stop_request
        self.store.transition(
            experiment_id, expected={"starting", "running"}, to="stopping", at=now, reason="Stop requested.",
            prepare=request.touch,
        )
        self._record("stop", experiment_id)
        self._starter.ensure()

    @needs("operator")
    def resume(self, experiment_id: str) -> None:
        """Go on where a stopped or failed experiment ended. Raises NotFound, Conflict."""
        chosen_executor()
        state = self._own(experiment_id)
        if state not in ("cancelled", "failed"):
            raise Conflict(f"Experiment {experiment_id} is {state}; only a stopped or failed one can be resumed.")
        request = self.home.experiment(experiment_id).request
        with self._launching:
            self.people.check_launch()
            self.store.transition(
                experiment_id, expected={"cancelled", "failed"}, to="queued", at=self._clock(), reason="Resumed.",
                attempt=0, prepare=lambda: request.unlink(missing_ok=True),
            )
        self._record("resume", experiment_id)
        self._starter.ensure()

    @needs("operator")
    def request_export(self, experiment_id: str, run_id: str) -> None:
        """Queue the ONNX export and latency of a finished run; the experiment then ends as it has ended now.

        Trouble is told in its notes. Raises NotFound, Conflict.
        """
        chosen_executor()
        self._own(experiment_id)
        view = self.store.experiment(experiment_id)
        run, state, reason = run_of(view, run_id), view.row.state, view.row.reason
        if finite(run.score) is None:
            raise Conflict(f"Run {run.run_id} ({run.label}) has no trained network to export yet.")
        if state not in ENDED:
            raise Conflict(f"Experiment {experiment_id} is {state}; wait for its end, then export.")
        folder = self.home.experiment(experiment_id)
        self.store.transition(
            experiment_id, expected={state}, to="queued", at=self._clock(), reason="Export requested.", attempt=0,
            prepare=lambda: write_export_request(folder, run_id, state=state, reason=reason),
        )
        self._record("export", experiment_id, detail=run.label)
        self._starter.ensure()

    @needs("operator")
    def delete(self, experiment_id: str) -> None:
        """Hide an experiment that is at rest; nothing is removed from the disk. Raises NotFound, Conflict."""
        self._own(experiment_id)
        self.store.set_deleted(experiment_id, True, at=self._clock(), expected=ENDED)
        self._record("delete", experiment_id)

    @needs("operator")
    def undelete(self, experiment_id: str) -> None:
        self._own(experiment_id)
        self.store.set_deleted(experiment_id, False, at=self._clock())
        self._record("undelete", experiment_id)

    def _own(self, experiment_id: str) -> State:
        """The state of an experiment that the actor may change. Raises NotFound, NotAllowed."""
        self.actor.require_own(self.store.owner(experiment_id))
        return self.store.state(experiment_id)

    def _absent(self, spec: ExperimentSpec) -> list[Problem]:
        return [*absent_here(spec, self.catalogue()), *self.corrections.problems(spec)]

    def _check_room(self, actor: Actor) -> None:
        self.people.acting_as(actor).check_room()

    def _record(self, action: Action, experiment_id: str, *, detail: str = "") -> None:
        self.audit.record(self.actor.name, action, experiment_id, detail=detail)

    def _keep_going(self, state: State) -> None:
        """Whoever looks at an experiment that should be moving starts a dispatcher that died."""
        if state in ACTIVE:
            self._starter.ensure()
