"""Reads all of a sweep from the index, for its results and its next step."""

from __future__ import annotations

from collections.abc import Iterable

from distill_core.errors import Conflict
from distill_core.store.store import Store
from distill_core.sweeps.trial_results import Held


def held_of(store: Store, sweep_id: str) -> Held:
    """Raises NotFound."""
    row, rounds = store.sweeps.row(sweep_id), store.sweeps.rounds(sweep_id)
    ids = [one.experiment_id for one in rounds]
    return Held(
        row=row, trials=store.sweeps.trials(sweep_id), rounds=rounds, states=store.states(ids),
        runs=store.sweeps.runs(ids), networks=store.sweeps.networks(sweep_id),
    )


def in_the_trash(experiment_id: str) -> str:
    """Why a round cannot go on, and what to do."""
    return f"Experiment {experiment_id} of it is in the trash; take it out there, then resume the sweep."


def require_out_of_trash(store: Store, experiment_ids: Iterable[str]) -> None:
    """Raises Conflict for an experiment that would have to go on from there."""
    gone = {one.experiment_id for one in store.trash.rows()}
    if found := next((one for one in experiment_ids if one in gone), None):
        raise Conflict(in_the_trash(found))
