"""Reads all of a sweep from the index, for its results and its next step."""

from __future__ import annotations

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
