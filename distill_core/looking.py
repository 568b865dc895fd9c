"""What anybody may see of experiments: lists, views, live points, verdicts, logs and results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import Any

from distill_core.access import Acting, needs
from distill_core.catalog import Catalogue
from distill_core.evaluation.saved import SavedAnswers, saved_answers
from distill_core.evaluation.verdict import Verdict
from distill_core.events import State
from distill_core.folders import Home
from distill_core.jobs.log_tail import read_tail
from distill_core.jobs.machine_report import machine_report
from distill_core.results import finite, leading, result_json, verdicts_of
from distill_core.rows import ExperimentRow, ExperimentView, RunRow
from distill_core.store.store import Store

_LONGEST_LOG_BYTES = 256 * 1024


class Looking(Acting, ABC):
    """The half of `Lab` that changes nothing; the other half gives it the index and the catalogue."""

    home: Home
    _clock: Callable[[], float]

    @property
    @abstractmethod
    def store(self) -> Store: ...

    @abstractmethod
    def catalogue(self) -> Catalogue: ...

    @abstractmethod
    def _keep_going(self, state: State) -> None:
        """Called with the state of an experiment that somebody looks at."""

    @needs("viewer")
    def experiments(
        self, *, search: str = "", states: Collection[State] = (), limit: int = 50, offset: int = 0,
        include_deleted: bool = False, owner: str = "",
    ) -> list[ExperimentRow]:
        """Newest first; only those of `owner` if that is not empty."""
        return self.store.experiments(
            search=search, states=states, limit=limit, offset=offset, include_deleted=include_deleted, owner=owner
        )

    @needs("viewer")
    def counts(self, *, search: str = "", include_deleted: bool = False, owner: str = "") -> dict[str, int]:
        """How many experiments are in each state that occurs."""
        return self.store.counts(search=search, include_deleted=include_deleted, owner=owner)

    @needs("viewer")
    def count(
        self, *, search: str = "", states: Collection[State] = (), include_deleted: bool = False, owner: str = ""
    ) -> int:
        counts = self.counts(search=search, include_deleted=include_deleted, owner=owner)
        return sum(number for state, number in counts.items() if not states or state in states)

    @needs("viewer")
    def experiment(self, experiment_id: str) -> ExperimentView:
        """Raises NotFound."""
        view = self.store.experiment(experiment_id)
        self._keep_going(view.row.state)
        return view

    @needs("viewer")
    def runs(self, experiment_ids: Sequence[str]) -> list[RunRow]:
        return self.store.runs(experiment_ids=experiment_ids)

    @needs("viewer")
    def verdicts(self, experiment_id: str) -> list[Verdict]:
        """Every variant against its architecture trained alone, as far as seeds are finished."""
        return verdicts_of(self.store.experiment(experiment_id), self.catalogue())

    @needs("viewer")
    def leading(self, view: ExperimentView) -> list[Verdict]:
        """The verdicts on an experiment's distilled students, that on the one to look at first: see results.leading."""
        validation = self.store.kept_validation(view.row.experiment_id)
        return leading(view, verdicts_of(view, self.catalogue()), validation)

    @needs("viewer")
    def live(self, experiment_id: str, since: int, *, most: int = 5000) -> dict[str, Any]:
        """State, next cursor and points [run id, epoch, training loss, accuracy, NLL, weighted terms, best, norms].

        The norms are those of the terms' gradients, where they were measured. Plain JSON: NaN is null. Raises NotFound.
        """
        state = self.store.state(experiment_id)
        points, cursor = self.store.live_points(experiment_id, since=since, limit=most)
        self._keep_going(state)
        return {
            "state": state,
            "cursor": cursor,
            "points": [
                [
                    run, epoch, finite(loss), finite(accuracy), finite(nll),
                    {name: finite(value) for name, value in terms.items()}, best,
                    {name: finite(value) for name, value in norms.items()},
                ]
                for run, epoch, loss, accuracy, nll, terms, best, norms in points
            ],
        }

    @needs("viewer")
    def answers(self, experiment_id: str, run_id: str) -> SavedAnswers | None:
        """What a run of a regression answered to the test data: see evaluation.saved. Raises DamagedAnswers."""
        return saved_answers(self.home.experiment(experiment_id), run_id)

    @needs("viewer")
    def log_tail(self, experiment_id: str, lines: int = 200) -> str:
        """The end of the worker's log; empty if there is none. Raises NotFound."""
        self.store.state(experiment_id)
        return read_tail(self.home.experiment(experiment_id).worker_log, lines=lines, most_bytes=_LONGEST_LOG_BYTES)

    @needs("viewer")
    def result(self, experiment_id: str) -> dict[str, Any]:
        """The result of `run` and `show` as JSON: see results.result_json. Raises NotFound."""
        view = self.store.experiment(experiment_id)
        folder = self.home.experiment(experiment_id).path
        return result_json(view, verdicts_of(view, self.catalogue()), folder=folder, now=self._clock())

    @needs("viewer")
    def doctor(self) -> dict[str, Any]:
        return machine_report(self.home)
