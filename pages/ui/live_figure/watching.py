"""A sweep as it is now, with the version that tells whether it has changed."""

from __future__ import annotations

from distill_core.services import Lab
from distill_core.sweep_rows import SweepResults


def results_now(asked: Lab, sweep_id: str) -> tuple[str, SweepResults]:
    """The version of a sweep's results, and these. Raises NotFound."""
    # The version first: what came in between is found at the next look.
    return asked.sweeps.version(sweep_id), asked.sweeps.results(sweep_id)
