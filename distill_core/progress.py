"""How far an experiment is and how long it will take, from stored times alone: a reloaded page tells the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from distill_core.rows import ExperimentRow, StepRow

COHORT = "cohort:"
# Before this share is done, a step's own pace says less than the estimate.
TELLING_SHARE = 0.05


@dataclass(frozen=True)
class Progress:
    """Seconds since the start and to the end (None: not known), and the share done in 0..1."""

    elapsed_seconds: float | None
    remaining_seconds: float | None
    share: float


@dataclass(frozen=True)
class Pace:
    """How fast something countable goes: seconds so far, pieces a second, seconds to go and the share done.

    None where nothing can be said yet.
    """

    elapsed_seconds: float
    per_second: float | None
    remaining_seconds: float | None
    share: float | None


def pace_of(done: int, total: int, *, started_at: float, now: float) -> Pace:
    """`done` of `total` pieces since `started_at`, in seconds since the epoch; a `total` of 0 is not known yet."""
    elapsed = max(0.0, now - started_at) if started_at else 0.0
    rate = done / elapsed if done > 0 and elapsed > 0 else None
    share = min(1.0, done / total) if total > 0 else None
    left = max(0, total - done) / rate if rate is not None and total > 0 else None
    return Pace(elapsed, rate, left, share)


def progress_of(row: ExperimentRow, steps: Sequence[StepRow], *, now: float) -> Progress:
    """Remaining time by each step's own pace, the pace of finished cohorts, or the estimate made at the start."""
    done = sum(step_share(step) for step in steps) / len(steps) if steps else 0.0
    if row.started_at is None:
        return Progress(row.busy_seconds or None, None, done)
    stretch = 0.0 if row.finished_at is not None else max(0.0, now - row.started_at)
    elapsed = row.busy_seconds + stretch
    if row.state not in ("running", "stopping") or not steps:
        return Progress(elapsed, None, done)
    left = [_remaining(step, steps, now=now) for step in steps]
    known = [seconds for seconds in left if seconds is not None]
    return Progress(elapsed, sum(known) if len(known) == len(left) else None, done)


def sweep_progress(
    trials_ended: int, trials_planned: int, rounds: Sequence[tuple[ExperimentRow, Sequence[StepRow]]], *, now: float
) -> Progress:
    """How far a sweep is, whose trials its experiments (`rounds`) train; elapsed time is that of their work alone.

    As long as the newest experiment has all open trials its own estimate is the sweep's; else the pace of the trials
    so far tells.
    """
    each = [progress_of(row, steps, now=now) for row, steps in rounds]
    elapsed = sum(one.elapsed_seconds or 0.0 for one in each)
    open_trials = max(trials_planned - trials_ended, 0)
    if each and open_trials <= len(rounds[-1][0].students) and rounds[-1][0].finished_at is None:
        share = (trials_ended + open_trials * each[-1].share) / trials_planned if trials_planned else 0.0
        return Progress(elapsed or None, each[-1].remaining_seconds, share)
    share = min(1.0, trials_ended / trials_planned) if trials_planned else 0.0
    left = elapsed * (1 - share) / share if share >= TELLING_SHARE else None
    return Progress(elapsed or None, left, share)


def step_share(step: StepRow) -> float:
    """Done of a step, 0..1."""
    if step.state in ("finished", "skipped"):
        return 1.0
    return min(1.0, step.done / step.total) if step.total else 0.0


def _remaining(step: StepRow, steps: Sequence[StepRow], *, now: float) -> float | None:
    if step.state in ("finished", "skipped"):
        return 0.0
    share = step_share(step)
    if step.state == "running" and share >= TELLING_SHARE and step.started_at is not None:
        return max(0.0, now - step.started_at) * (1 - share) / share
    whole = _cohort_seconds(steps) if step.step.startswith(COHORT) else None
    whole = step.expected_seconds if whole is None else whole
    return None if whole is None else whole * (1 - share)


def _cohort_seconds(steps: Sequence[StepRow]) -> float | None:
    """The mean time of the cohorts that were trained here; None before the first, and for reused ones."""
    taken = [
        step.finished_at - step.started_at
        for step in steps
        if step.step.startswith(COHORT) and step.total and step.started_at is not None and step.finished_at is not None
    ]
    return sum(taken) / len(taken) if taken else None
