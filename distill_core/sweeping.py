"""Sweeps for pages and the command line: planned, forecast, launched, followed, stopped, extended, read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from distill_core.access import Acting, needs
from distill_core.spec import ExperimentSpec
from distill_core.sweep_rows import Forecast, Importance, SweepPlan, SweepResults, SweepRow
from distill_core.sweep_spec import SweepSpec


class Sweeps(Acting):
    """Thread-safe, loads no torch; every method returns at once unless it says otherwise."""

    @needs("viewer")
    def presets(self) -> tuple[Any, ...]:
        """SweepPresets: name, title, summary, spec."""
        raise NotImplementedError

    @needs("viewer")
    def complete(self, data: dict[str, Any]) -> SweepSpec:
        """The spec of parsed JSON with every default filled in; raises SpecError with all problems."""
        raise NotImplementedError

    @needs("viewer")
    def plan(self, spec: SweepSpec) -> SweepPlan:
        """Raises SpecError."""
        raise NotImplementedError

    @needs("viewer")
    def forecast(self, spec: SweepSpec) -> Forecast:
        """Takes seconds, in the preview process. Raises SpecError, HelperUnavailable."""
        raise NotImplementedError

    @needs("operator")
    def launch(self, spec: SweepSpec, *, idempotency_key: str = "") -> str:
        """Begin a sweep and return its id; the same key returns the same id. Raises SpecError, NotAllowed.

        With limits on parameters or size it asks the preview process first, which takes seconds.
        """
        raise NotImplementedError

    @needs("viewer")
    def list(
        self, *, search: str = "", limit: int = 50, offset: int = 0, include_deleted: bool = False, owner: str = ""
    ) -> list[SweepRow]:
        """Newest first."""
        raise NotImplementedError

    @needs("viewer")
    def find(self, sweep_id: str) -> SweepRow:
        """Raises NotFound."""
        raise NotImplementedError

    @needs("operator")
    def stop(self, sweep_id: str) -> None:
        """Stop early and keep what is trained. Raises NotFound, Conflict, NotAllowed."""
        raise NotImplementedError

    @needs("operator")
    def resume(self, sweep_id: str) -> None:
        """Go on with a stopped or failed sweep; runs go on where they were. Raises NotFound, Conflict, NotAllowed."""
        raise NotImplementedError

    @needs("operator")
    def extend(
        self, sweep_id: str, *, values: dict[str, Sequence[Any]] | None = None, trials: int = 0,
        seeds: Sequence[int] = (),
    ) -> None:
        """Add values of axes by field, a number of trials, or seeds, to a sweep at rest, which then goes on.

        Nothing that is trained is trained again. Raises SpecError, NotFound, Conflict, NotAllowed.
        """
        raise NotImplementedError

    @needs("operator")
    def delete(self, sweep_id: str) -> None:
        """Hide a sweep at rest and its experiments; `undelete` undoes it. Raises NotFound, Conflict, NotAllowed."""
        raise NotImplementedError

    @needs("operator")
    def undelete(self, sweep_id: str) -> None:
        raise NotImplementedError

    @needs("viewer")
    def version(self, sweep_id: str) -> str:
        """Changes whenever `results` may; costs a millisecond. Raises NotFound."""
        raise NotImplementedError

    @needs("viewer")
    def results(self, sweep_id: str) -> SweepResults:
        """Raises NotFound."""
        raise NotImplementedError

    @needs("viewer")
    def importance(self, sweep_id: str) -> Importance:
        """Takes about a second. Raises NotFound, Conflict with a sentence while there are too few trials."""
        raise NotImplementedError

    @needs("viewer")
    def cell_spec(self, sweep_id: str, number: int) -> ExperimentSpec:
        """A trial as an experiment of its own, every run of which is trained already. Raises NotFound."""
        raise NotImplementedError

    @needs("viewer")
    def of_experiment(self, experiment_id: str) -> tuple[str, int] | None:
        """The sweep and the round, counted from 1, that an experiment belongs to."""
        raise NotImplementedError
