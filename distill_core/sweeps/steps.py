"""What a sweep does next, from its trials and the rounds so far: judge, train, ask for more, or end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from distill_core.sweep_rows import Round, SweepState, Trial
from distill_core.sweep_spec import Optuna, SweepSpec
from distill_core.sweeps.cells import MOST_VARIANTS
from distill_core.sweeps.planning import rungs

FEWEST_FOR_MEDIAN = 4
MOST_FAILED_ROUNDS = 2


@dataclass(frozen=True)
class Judge:
    """Let the pruner judge a batch after so many seeds."""

    batch: int
    seeds: int
    trials: tuple[int, ...]


@dataclass(frozen=True)
class Train:
    """Queue an experiment of these trials on these seeds."""

    trials: tuple[int, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Ask:
    """Ask for so many new trials."""

    number: int


@dataclass(frozen=True)
class End:
    state: SweepState
    reason: str = ""


Step = Judge | Train | Ask | End


def next_step(
    spec: SweepSpec, trials: Sequence[Trial], rounds: Sequence[Round], *,
    judged: Collection[tuple[int, int]], whole: Callable[[int, Sequence[int]], bool],
) -> Step:
    """What comes next once every round is told. `whole(trial, seeds)`: whether all its runs of these seeds are there.

    A trial whose round ended without all its runs is left: it failed or was stopped, and goes on if that is reopened.
    """
    open_trials = [trial for trial in trials if not trial.refused and not trial.pruned]
    levels = {trial.number: _level(trial.number, rounds, whole) for trial in open_trials}
    stops = rungs(spec)
    going = [trial for trial in open_trials if levels[trial.number] is not None]
    # Only a search goes batch by batch; whatever else is due is trained together.
    batches = sorted({trial.batch for trial in going}) if isinstance(spec.method, Optuna) else [0]
    for batch in batches:
        mates = [trial for trial in going if trial.batch == batch or not isinstance(spec.method, Optuna)]
        for stop in stops[:-1]:
            there = tuple(trial.number for trial in mates if levels[trial.number] == stop)
            behind = any((levels[trial.number] or 0) < stop for trial in mates)
            if there and not behind and (batch, stop) not in judged:
                return Judge(batch, stop, there)
        due = {
            trial.number: next((stop for stop in stops if stop > (levels[trial.number] or 0)), None) for trial in mates
        }
        waiting = [trial for trial in mates if due[trial.number] is not None]
        if waiting:
            # Never None among the waiting.
            first = min(waiting, key=lambda trial: (due[trial.number] or 0, trial.number))
            group = [
                trial.number for trial in waiting
                if due[trial.number] == due[first.number] and trial.epochs == first.epochs
            ]
            return Train(tuple(group[:MOST_VARIANTS]), spec.base.seeds[: due[first.number]])
    if failed := _failed_in_vain(rounds, whole):
        return End("failed", failed)
    if isinstance(spec.method, Optuna) and len(trials) < spec.method.trials:
        return Ask(min(spec.method.batch, spec.method.trials - len(trials)))
    if any(levels[trial.number] for trial in open_trials):
        return End("finished")
    reasons = [one.reason for one in rounds if one.outcome == "failed"]
    if reasons:
        return End("failed", reasons[-1])
    if trials and all(trial.refused or trial.pruned for trial in trials):
        return End("finished", "No trial keeps to the limits.")
    return End("finished", "No trial came to an end." if trials else "There is no trial.")


def _level(number: int, rounds: Sequence[Round], whole: Callable[[int, Sequence[int]], bool]) -> int | None:
    """On how many seeds a trial is trained; 0: not begun. None: it was begun, and not all of it came to an end."""
    mine = [one for one in rounds if number in one.trials]
    if not mine:
        return 0
    last = max(mine, key=lambda one: (len(one.seeds), one.number))
    return len(last.seeds) if whole(number, last.seeds) else None


def _failed_in_vain(rounds: Sequence[Round], whole: Callable[[int, Sequence[int]], bool]) -> str:
    """The reason, where the newest rounds failed without a single trained trial: more of them would fail alike."""
    newest = rounds[-MOST_FAILED_ROUNDS:]
    if len(newest) < MOST_FAILED_ROUNDS or any(one.outcome != "failed" for one in newest):
        return ""
    if any(whole(number, one.seeds) for one in newest for number in one.trials):
        return ""
    return f"The last {MOST_FAILED_ROUNDS} rounds failed: {newest[-1].reason}"


def pruned(
    spec: SweepSpec, judge: Judge, means: Mapping[int, float | None], *, others: Sequence[float],
    front: Collection[int] = (), regression: bool = False,
) -> dict[int, str]:
    """Which trials of a batch are pruned after so many seeds, by number, and why.

    `means`: each one's mean validation accuracy, or R² of a regression, over these seeds; `others`: that of all further
    trials that have as many. `front`: trials that no other beats in every objective, of which none is pruned. Optuna's
    own pruners judge one trial while it trains; here a batch has come equally far, so that all of it can be compared.
    """
    assert isinstance(spec.method, Optuna)
    known = {number: mean for number, mean in means.items() if mean is not None}
    ranked = sorted(known, key=lambda number: (-known[number], number))
    seeds = "1 seed" if judge.seeds == 1 else f"{judge.seeds} seeds"
    if spec.method.pruner == "halving":
        # The better half, the larger one of an odd number.
        left = ranked[(len(ranked) + 1) // 2 :]
        reason = f"After {seeds} it was not in the better half of its batch."
    else:
        everyone = [*known.values(), *others]
        if len(everyone) < FEWEST_FOR_MEDIAN:
            return {}
        middle = median(everyone)
        left = [number for number in ranked if known[number] < middle]
        if regression:
            reason = f"After {seeds} its validation R² was below the median of {len(everyone)} trials, {middle:.3f}."
        else:
            reason = (
                f"After {seeds} its validation accuracy was below the median of {len(everyone)} trials, {middle:.2%}."
            )
    return {number: reason for number in sorted(left) if number not in front}

