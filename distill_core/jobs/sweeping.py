"""Brings every sweep from its first round to its end: tells, judges, asks, and queues the next round."""

from __future__ import annotations

import errno
import logging
import secrets
import time
from collections.abc import Callable

from distill_core.access_settings import read_access
from distill_core.audit import Audit
from distill_core.catalog import Catalogue
from distill_core.errors import Conflict, HelperUnavailable, LabError, NotFound
from distill_core.folders import Home
from distill_core.jobs.tidying import WHO
from distill_core.quotas import why_no_launch
from distill_core.spec import ExperimentSpec
from distill_core.store.database import IndexUnavailable
from distill_core.store.records import new_experiment_id
from distill_core.store.store import Store
from distill_core.store.transitions import ENDED
from distill_core.sweep_rows import GOING, Round, RoundOutcome, SweepRow, Trial
from distill_core.sweep_spec import Optuna
from distill_core.sweeps import search
from distill_core.sweeps.cells import experiment_of, round_name
from distill_core.sweeps.gathering import held_of, in_the_trash
from distill_core.sweeps.planning import variant
from distill_core.sweeps.results import Variants, front_of, results_of
from distill_core.sweeps.steps import Ask, End, Judge, Train, next_step, pruned
from distill_core.sweeps.trial_results import Held

_MOST_TROUBLES = 5
_MOST_STEPS = 1_000
_SECONDS_BETWEEN_LOOKS = 2.0

_OUTCOMES: dict[str, RoundOutcome] = {"succeeded": "succeeded", "failed": "failed", "cancelled": "cancelled"}

log = logging.getLogger("distill_lab.dispatcher")


class Sweeper:
    """One step of each sweep at a time. Keeps nothing that a successor would miss: folders and index hold it all.

    A sweep has one experiment at a time in the queue. A round is written down before its experiment is made, with the
    experiment's id, so that whoever goes on after a kill makes the same one and no second.
    """

    def __init__(
        self, home: Home, store: Store, catalogue: Callable[[], Catalogue], *, clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic, randomness: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        self._home, self._store, self._catalogue = home, store, catalogue
        self._clock, self._monotonic, self._randomness = clock, monotonic, randomness
        self._variants = Variants(catalogue)
        self._audit = Audit(home, clock=clock)
        self._troubles: dict[str, int] = {}
        self._resting: dict[str, float] = {}

    def tick(self) -> bool:
        """Look after every sweep that goes on; False if there is none."""
        going = self._store.sweeps.going()
        for sweep_id in going:
            if self._monotonic() >= self._resting.get(sweep_id, float("-inf")):
                self._safely(sweep_id)
        return bool(going)

    def step(self, sweep_id: str) -> None:
        """Follow its round, or find out what comes next and begin it."""
        row, rounds = self._store.sweeps.row(sweep_id), self._store.sweeps.rounds(sweep_id)
        if open_round := next((one for one in rounds if not one.outcome), None):
            self._follow(row, open_round)
        elif row.state == "stopping":
            self._end(row, End("stopped", "Stopped early; what was trained is kept."))
        else:
            self._go_on(row)

    # Rounds ----------------------------------------------------------------------------------

    def _follow(self, row: SweepRow, one: Round) -> None:
        if not self._store.adopt(one.experiment_id):
            if row.state == "stopping":
                self._tell(row, one, "cancelled", "Stopped before it began.")
            else:
                self._make(row, one)
            return
        state = self._store.state(one.experiment_id)
        if state not in ENDED:
            if row.state == "stopping":
                self._stop(one.experiment_id)
            return
        experiment = self._store.experiment(one.experiment_id).row
        waits = one.reopened_at is not None and (experiment.queued_at or 0.0) < one.reopened_at
        if waits and experiment.deleted:
            self._end(row, End("stopped", in_the_trash(one.experiment_id)))
            return
        if waits and state != "succeeded" and row.state == "running":
            self._store.transition(
                one.experiment_id, expected={"failed", "cancelled"}, to="queued", at=self._clock(), attempt=0,
                reason="Its sweep was resumed.",
                prepare=lambda: self._home.experiment(one.experiment_id).request.unlink(missing_ok=True),
            )
            return
        self._store.ingest(one.experiment_id)
        self._tell(row, one, _OUTCOMES[state], experiment.reason if state != "succeeded" else "")
        if state == "cancelled" and row.state == "running":
            self._end(row, End("stopped", f"Its experiment {one.experiment_id} was stopped."))

    def _tell(self, row: SweepRow, one: Round, outcome: RoundOutcome, reason: str) -> None:
        self._store.sweeps.tell(row.sweep_id, one.number, outcome=outcome, reason=reason, at=self._clock())
        log.info("sweep %s: round %d %s %s", row.sweep_id, one.number, outcome, reason)

    def _make(self, row: SweepRow, one: Round) -> None:
        """Queue the experiment of a round that is written down."""
        trials = self._store.sweeps.trials(row.sweep_id)
        made = self._store.create(
            self._spec(row, one, trials), experiment_id=one.experiment_id, created_at=self._clock(), owner=row.owner,
            idempotency_key=round_key(row.sweep_id, one.number),
        )
        if made != one.experiment_id:
            # Of a backup that has the experiment, and not yet the line that tells of it.
            self._store.sweeps.correct_round(row.sweep_id, one.number, experiment_id=made, at=self._clock())
        detail = f"round {one.number} of sweep {row.sweep_id}"
        self._audit.record(WHO, "launch", made, detail=detail)
        log.info("sweep %s: round %d is %s, %d trials", row.sweep_id, one.number, made, len(one.trials))

    def _spec(self, row: SweepRow, one: Round, trials: list[Trial]) -> ExperimentSpec:
        catalogue = self._catalogue()
        mine = [trials[number] for number in one.trials]
        every = sum(not trial.refused for trial in trials) == len(mine)
        only = one.number == 1 and every and not isinstance(row.spec.method, Optuna)
        return catalogue.check(
            experiment_of(
                row.spec, [variant(row.spec, trial, catalogue) for trial in mine], seeds=one.seeds,
                epochs=mine[0].epochs, name=round_name(row.spec, one.number, only=only),
            )
        )

    def _stop(self, experiment_id: str) -> None:
        """As a user would; who was quicker, or the worker's end, is met at the next tick."""
        stop_request = self._home.experiment(experiment_id).stop_request
        state = self._store.state(experiment_id)
        if state == "queued":
            self._store.transition(
                experiment_id, expected={"queued"}, to="cancelled", at=self._clock(), reason="Its sweep was stopped."
            )
        elif state in ("starting", "running"):
            self._store.transition(
                experiment_id, expected={"starting", "running"}, to="stopping", at=self._clock(),
                reason="Its sweep was stopped.", prepare=stop_request.touch,
            )

    # What comes next -------------------------------------------------------------------------

    def _go_on(self, row: SweepRow) -> None:
        """All rounds are told: as many steps as need no training."""
        for _ in range(_MOST_STEPS):
            held = held_of(self._store, row.sweep_id)
            found = results_of(held, self._variants)
            there = {one.number: {seed.seed for seed in one.seeds} for one in found.trials}
            # What was purged is trained again, if it is still wanted.
            rounds = [one for one in held.rounds if one.experiment_id in held.states]
            step = next_step(
                held.row.spec, held.trials, rounds, judged=self._store.sweeps.judged(row.sweep_id),
                whole=lambda number, seeds, there=there: there[number] >= set(seeds),  # type: ignore[misc]
            )
            if isinstance(step, End):
                self._end(held.row, step)
                return
            if isinstance(step, Train):
                self._begin(held.row, step)
                return
            if isinstance(step, Judge):
                self._judge(held, step)
            elif not self._ask(held, step):
                self._end(held.row, End("finished", "Every combination has been tried."))
                return

    def _begin(self, row: SweepRow, train: Train) -> None:
        if self._has_to_wait(row):
            # Counting a person's bytes takes its time.
            self._resting[row.sweep_id] = self._monotonic() + _SECONDS_BETWEEN_LOOKS
            return
        now = self._clock()
        one = self._store.sweeps.begin_round(
            row.sweep_id, experiment_id=new_experiment_id(now, self._randomness), trials=train.trials,
            seeds=train.seeds, at=now,
        )
        self._make(row, one)

    def _has_to_wait(self, row: SweepRow) -> bool:
        """Whether its owner may have no further experiment now; the sweep's row tells why."""
        settings = read_access(self._home)
        why = why_no_launch(self._home, self._store, row.owner, settings) if settings.is_limited(row.owner) else ""
        if why != row.reason:
            self._store.sweeps.move(
                row.sweep_id, expected={"running"}, to="running", at=self._clock(), reason=why
            )
        return bool(why)

    def _judge(self, held: Held, judge: Judge) -> None:
        spec, found = held.row.spec, results_of(held, self._variants)
        seeds = set(spec.base.seeds[: judge.seeds])

        def mean(number: int) -> float | None:
            figures = [one.validation for one in found.trials[number].seeds if one.seed in seeds]
            known = [figure for figure in figures if figure is not None]
            return sum(known) / len(known) if len(known) == len(seeds) else None

        # What costs more than a limit allows can never be the best, and must not push out what can.
        costly = {one.number for one in found.trials if one.costs_broken}
        others = [mean(one.number) for one in held.trials if one.number not in {*judge.trials, *costly}]
        front = front_of(spec, found.trials, finished=False) if len(spec.objectives) > 1 else []
        left = pruned(
            spec, judge, {number: mean(number) for number in judge.trials if number not in costly},
            others=[value for value in others if value is not None], front=front, regression=found.metric == "r2",
        ) | {number: "It breaks a limit, so that no further seed is trained." for number in judge.trials
             if number in costly}
        self._store.sweeps.judge(
            held.row.sweep_id, batch=judge.batch, seeds=judge.seeds, pruned=left, at=self._clock()
        )

    def _ask(self, held: Held, ask: Ask) -> bool:
        """Whether there were trials that are new."""
        found = results_of(held, self._variants)
        made = search.ask(
            held.row.spec, found.trials, held.trials, ask.number, self._catalogue(), held.networks
        )
        if made.trials:
            self._store.sweeps.add_trials(held.row.sweep_id, made.trials)
        return bool(made.trials)

    def _end(self, row: SweepRow, end: End) -> None:
        self._store.sweeps.move(row.sweep_id, expected=GOING, to=end.state, at=self._clock(), reason=end.reason)
        log.info("sweep %s: %s %s", row.sweep_id, end.state, end.reason)

    # Keeping going ---------------------------------------------------------------------------

    def _safely(self, sweep_id: str) -> None:
        """One sweep's trouble must not keep the others waiting; trouble that stays ends it."""
        try:
            self.step(sweep_id)
        except (Conflict, NotFound) as error:
            # A user was quicker; the next tick sees the new state.
            log.info("%s", error)
        except IndexUnavailable:
            raise
        except Exception as error:
            number = self._troubles[sweep_id] = self._troubles.get(sweep_id, 0) + 1
            log.exception("sweep %s: trouble %d", sweep_id, number)
            self._resting[sweep_id] = self._monotonic() + min(2.0**number, 30.0)
            full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
            lasting = isinstance(error, LabError) and not isinstance(error, HelperUnavailable)
            if lasting or (number >= _MOST_TROUBLES and not full):
                self._give_up(sweep_id, error)
            return
        self._troubles.pop(sweep_id, None)

    def _give_up(self, sweep_id: str, error: Exception) -> None:
        reason = error.sentence if isinstance(error, LabError) else f"It cannot go on: {error}."
        try:
            self._end(self._store.sweeps.row(sweep_id), End("failed", reason))
            self._troubles.pop(sweep_id, None)
        except Exception:
            log.exception("sweep %s: cannot even be failed", sweep_id)


def round_key(sweep_id: str, number: int) -> str:
    """The idempotency key of a round's experiment."""
    return f"sweep {sweep_id} round {number}"
