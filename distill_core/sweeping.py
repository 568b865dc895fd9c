"""Sweeps for pages and the command line: planned, forecast, launched, followed, stopped, extended, read."""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from distill_core.access import Acting, Actor, needs
from distill_core.audit import Action, Audit
from distill_core.catalog import Catalogue
from distill_core.errors import Conflict, NotFound, Problem, SpecError
from distill_core.executors import chosen_executor
from distill_core.folders import Home, read_json
from distill_core.jobs.previewing import Previews
from distill_core.jobs.remembering import forget_oldest
from distill_core.spec import LONGEST_NAME, ExperimentSpec
from distill_core.store.records import new_experiment_id
from distill_core.store.store import Store
from distill_core.store.transitions import ENDED
from distill_core.sweep_presets import SweepPreset, load_sweep_presets
from distill_core.sweep_rows import Forecast, Importance, SweepPlan, SweepResults, SweepRow
from distill_core.sweep_spec import Optuna, SweepSpec, parse_sweep
from distill_core.sweeps import planning, search
from distill_core.sweeps.cells import experiment_of
from distill_core.sweeps.extending import extended
from distill_core.sweeps.forecasting import forecast_of, round_specs
from distill_core.sweeps.gathering import held_of, require_out_of_trash
from distill_core.sweeps.results import Variants, results_of


class Sweeps(Acting):
    """Thread-safe, loads no torch; every method returns at once unless it says otherwise."""

    def __init__(
        self, home: Home, store: Callable[[], Store], catalogue: Callable[[], Catalogue], previews: Previews,
        audit: Audit, *, ensure_dispatcher: Callable[[], None], check_launch: Callable[[Actor], object],
        problems: Callable[[ExperimentSpec], Sequence[Problem]], clock: Callable[[], float],
        randomness: Callable[[int], int],
    ) -> None:
        """`check_launch` raises where a person's quota is used up; `problems`: what this machine lacks for a spec."""
        self._home, self._store, self._catalogue, self._previews = home, store, catalogue, previews
        self._audit, self._ensure_dispatcher, self._check_launch = audit, ensure_dispatcher, check_launch
        self._problems, self._clock, self._randomness = problems, clock, randomness
        self._variants = Variants(catalogue)
        self._launching, self._remembering = threading.Lock(), threading.Lock()
        # By sweep, for the version it was worked out for: several viewers of one sweep ask for the same.
        self._known: dict[str, tuple[str, SweepResults]] = {}
        self._shares: dict[str, tuple[str, Importance]] = {}

    # Design ----------------------------------------------------------------------------------

    @needs("viewer")
    def presets(self) -> tuple[SweepPreset, ...]:
        return load_sweep_presets()

    @needs("viewer")
    def complete(self, data: dict[str, Any]) -> SweepSpec:
        """The spec of parsed JSON with every default filled in; raises SpecError with all problems."""
        return planning.complete(parse_sweep(data), self._catalogue())

    @needs("viewer")
    def plan(self, spec: SweepSpec) -> SweepPlan:
        """Raises SpecError."""
        return planning.plan(planning.complete(spec, self._catalogue()), self._catalogue())

    @needs("viewer")
    def forecast(self, spec: SweepSpec) -> Forecast:
        """Takes seconds, in the preview process. Raises SpecError, HelperUnavailable."""
        catalogue = self._catalogue()
        spec = planning.complete(spec, catalogue)
        networks = self._networks(spec, catalogue)
        plan = planning.plan(spec, catalogue, networks)
        specs = round_specs(spec, plan, catalogue, networks)
        told = self._previews.sweep(planning.probe(spec, catalogue), specs)
        return forecast_of(plan, told)

    # Act -------------------------------------------------------------------------------------

    @needs("operator")
    def launch(self, spec: SweepSpec, *, idempotency_key: str = "") -> str:
        """Begin a sweep and return its id; the same key returns the same id.

        Raises SpecError, NotAllowed, HelperUnavailable, HomeUnusable.
        With limits on parameters or size, or where only networks can tell that the spec fits, these are asked, which
        takes seconds. Of quotas a sweep uses one experiment at a time: each round is counted when it is queued.
        """
        chosen_executor()
        if known := self._store().sweeps.made_by(idempotency_key):
            self._ensure_dispatcher()
            return known
        catalogue = self._catalogue()
        spec = planning.complete(spec, catalogue)
        if problems := self._problems(spec.base):
            raise SpecError(problems)
        probe = planning.probe(spec, catalogue)
        if catalogue.reads_layers(probe):
            self._previews.check(probe)
        networks = self._networks(spec, catalogue)
        trials = () if isinstance(spec.method, Optuna) else planning.new_trials(spec, (), catalogue, networks).trials
        now = self._clock()
        proposed = new_experiment_id(now, self._randomness)
        with self._launching:
            if known := self._store().sweeps.made_by(idempotency_key):
                return known
            self._check_launch(self.actor)
            sweep_id = self._store().sweeps.create(
                spec, sweep_id=proposed, created_at=now, idempotency_key=idempotency_key, owner=self.actor.name,
                networks=networks, trials=trials,
            )
        if sweep_id == proposed:
            self._record("launch", sweep_id, detail=f"sweep {spec.name}")
        self._ensure_dispatcher()
        return sweep_id

    @needs("operator")
    def stop(self, sweep_id: str) -> None:
        """Stop early and keep what is trained. Raises NotFound, Conflict, NotAllowed."""
        row = self._own(sweep_id)
        if row.state == "stopping":
            return
        if not row.going:
            raise Conflict(f"Sweep {sweep_id} is {row.state}; only one that goes on can be stopped.")
        self._store().sweeps.move(
            sweep_id, expected={"running"}, to="stopping", at=self._clock(), reason="Stop requested."
        )
        self._record("stop", sweep_id, detail="sweep")
        self._ensure_dispatcher()

    @needs("operator")
    def resume(self, sweep_id: str) -> None:
        """Go on with what of a sweep was stopped or has failed. Raises NotFound, Conflict, NotAllowed."""
        chosen_executor()
        row = self._own(sweep_id)
        if not row.resumable:
            raise Conflict(f"Sweep {sweep_id} is {row.state}, and nothing of it can be resumed.")
        rounds = self._store().sweeps.rounds(sweep_id)
        require_out_of_trash(self._store(), (one.experiment_id for one in rounds if one.number in row.broken_off))
        with self._launching:
            self._check_launch(self.actor)
            self._store().sweeps.move(
                sweep_id, expected={"stopped", "failed", "finished"}, to="running", at=self._clock(), reason="Resumed.",
                reopened=row.broken_off,
            )
        self._record("resume", sweep_id, detail="sweep")
        self._ensure_dispatcher()

    @needs("operator")
    def extend(
        self, sweep_id: str, *, values: Mapping[str, Sequence[Any]] | None = None, trials: int = 0,
        seeds: Sequence[int] = (),
    ) -> None:
        """Add values of axes by field, a number of trials, or seeds, to a sweep at rest, which then goes on.

        Nothing that is trained is trained again; a round that was stopped goes on. Raises SpecError, NotFound,
        Conflict, NotAllowed.
        """
        chosen_executor()
        row, catalogue = self._own(sweep_id), self._catalogue()
        if row.going:
            raise Conflict(f"Sweep {sweep_id} is {row.state}; wait for its end, or stop it, then extend it.")
        spec = planning.complete(extended(row.spec, values or {}, trials=trials, seeds=seeds), catalogue)
        store = self._store().sweeps
        known, networks = store.trials(sweep_id), self._networks(spec, catalogue) or store.networks(sweep_id)
        made = () if isinstance(spec.method, Optuna) else planning.new_trials(spec, known, catalogue, networks).trials
        again = [one for one in store.rounds(sweep_id) if one.outcome == "cancelled"]
        require_out_of_trash(self._store(), (one.experiment_id for one in again))
        with self._launching:
            self._check_launch(self.actor)
            store.move(
                sweep_id, expected={"stopped", "failed", "finished"}, to="running", at=self._clock(),
                reason="Extended.", spec=spec, trials=made, reopened=[one.number for one in again], networks=networks,
            )
        self._record("extend", sweep_id, detail=f"{len(made) or trials} trials, {len(seeds)} seeds more")
        self._ensure_dispatcher()

    @needs("operator")
    def delete(self, sweep_id: str) -> None:
        """Hide a sweep at rest and its experiments; `undelete` undoes it. Raises NotFound, Conflict, NotAllowed."""
        row, now = self._own(sweep_id), self._clock()
        if row.going:
            raise Conflict(f"Sweep {sweep_id} is {row.state}; stop it before deleting it.")
        states = self._store().states(row.experiment_ids)
        if busy := [name for name, state in states.items() if state not in ENDED]:
            raise Conflict(f"Experiment {busy[0]} of it is {states[busy[0]]}; stop that before deleting the sweep.")
        gone = {one.experiment_id for one in self._store().trash.rows()}
        mine = [name for name in states if name not in gone]
        self._store().sweeps.set_deleted(sweep_id, True, at=now, experiments=mine)
        for name in mine:
            self._store().set_deleted(name, True, at=now)
        self._record("delete", sweep_id, detail="sweep")

    @needs("operator")
    def undelete(self, sweep_id: str) -> None:
        """Show a sweep again, and the experiments that were deleted with it. Raises NotFound, NotAllowed."""
        self._own(sweep_id)
        now = self._clock()
        try:
            mine = [str(name) for name in read_json(self._home.sweep(sweep_id).deleted)["experiments"]]
        except (OSError, ValueError, KeyError, TypeError):
            # Of a damaged file only the sweep itself comes back; its experiments are in the trash.
            mine = []
        for name in self._store().states(mine):
            self._store().set_deleted(name, False, at=now)
        self._store().sweeps.set_deleted(sweep_id, False, at=now)
        self._record("undelete", sweep_id, detail="sweep")

    # Look ------------------------------------------------------------------------------------

    @needs("viewer")
    def list(
        self, *, search: str = "", limit: int = 50, offset: int = 0, deleted: bool | None = False, owner: str = ""
    ) -> builtins.list[SweepRow]:
        """Newest first; those that were deleted, those that were not, or (None) all."""
        rows = self._store().sweeps.rows(
            search=search, limit=limit, offset=offset, deleted=deleted, owner=owner
        )
        self._keep_going(*rows)
        return rows

    @needs("viewer")
    def find(self, sweep_id: str) -> SweepRow:
        """Raises NotFound."""
        row = self._store().sweeps.row(sweep_id)
        self._keep_going(row)
        return row

    @needs("viewer")
    def version(self, sweep_id: str) -> str:
        """Changes whenever `results` may; costs a millisecond. Raises NotFound."""
        return self._store().sweeps.version(sweep_id)

    @needs("viewer")
    def results(self, sweep_id: str) -> SweepResults:
        """Remembered as long as nothing changes. Raises NotFound."""
        version = self._store().sweeps.version(sweep_id)
        known = self._known.get(sweep_id)
        if known is None or known[0] != version:
            known = version, results_of(held_of(self._store(), sweep_id), self._variants)
            with self._remembering:
                self._known[sweep_id] = known
                forget_oldest(self._known)
        self._keep_going(known[1].row)
        return known[1]

    @needs("viewer")
    def importance(self, sweep_id: str) -> Importance:
        """Takes about a second. Raises NotFound, Conflict with a sentence while there are too few trials."""
        found = self.results(sweep_id)
        version = repr([(one.number, one.validation) for one in search.comparable(found.trials)])
        known = self._shares.get(sweep_id)
        if known is None or known[0] != version:
            self._shares[sweep_id] = known = version, search.importance(found.row.spec, found.trials)
        return known[1]

    @needs("viewer")
    def cell_spec(self, sweep_id: str, number: int) -> ExperimentSpec:
        """A trial as an experiment of its own, every run of which is trained already. Raises NotFound."""
        row, trials = self._store().sweeps.row(sweep_id), self._store().sweeps.trials(sweep_id)
        if not 0 <= number < len(trials):
            raise NotFound(f"Sweep {sweep_id} has no trial {number}; it has {len(trials)}.")
        trial = trials[number]
        whole = f"{row.name}: {trial.name}"
        name = whole if len(whole) <= LONGEST_NAME else whole[: LONGEST_NAME - 1] + "…"
        student = planning.variant(row.spec, trial, self._catalogue())
        return self._catalogue().check(
            experiment_of(row.spec, [student], seeds=row.spec.base.seeds, epochs=trial.epochs, name=name)
        )

    @needs("viewer")
    def of_experiment(self, experiment_id: str) -> tuple[str, int] | None:
        """The sweep and the round, counted from 1, that an experiment belongs to."""
        return self._store().sweeps.of_experiment(experiment_id)

    # Within ----------------------------------------------------------------------------------

    def _networks(self, spec: SweepSpec, catalogue: Catalogue) -> dict[str, dict[str, int]]:
        """Parameters and file size of all student networks, asked only where a limit needs them."""
        if spec.limits.parameters is None and spec.limits.size_bytes is None:
            return {}
        told = self._previews.sweep(planning.probe(spec, catalogue), [])
        return {one["key"]: {name: one[name] for name in ("parameters", "size_bytes")} for one in told["networks"]}

    def _own(self, sweep_id: str) -> SweepRow:
        """A sweep that the actor may change. Raises NotFound, NotAllowed."""
        row = self._store().sweeps.row(sweep_id)
        self.actor.require_own(row.owner)
        return row

    def _record(self, action: Action, sweep_id: str, *, detail: str) -> None:
        self._audit.record(self.actor.name, action, sweep_id, detail=detail)

    def _keep_going(self, *rows: SweepRow) -> None:
        """Whoever looks at a sweep that should be moving starts a dispatcher that died."""
        if any(row.going for row in rows):
            self._ensure_dispatcher()

