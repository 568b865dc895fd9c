"""What a sweep does next: rounds by seeds and budgets, the pruner's judgement, when it asks and when it ends."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from distill_core.sweep_rows import Round, Trial
from distill_core.sweep_spec import SweepSpec, parse_sweep
from distill_core.sweeps.front import pareto_front
from distill_core.sweeps.planning import rungs
from distill_core.sweeps.steps import Ask, End, Judge, Step, Train, next_step, pruned
from tests.sweep_samples import optuna_data, sweep_spec


def trial(number: int, *, epochs: int = 3, batch: int = 0, **more: Any) -> Trial:
    return Trial(number, f"trial {number}", {"temperature": number + 1}, (), epochs, batch, **more)


def told(number: int, trials: Collection[int], seeds: int, outcome: str = "succeeded", reason: str = "") -> Round:
    return Round(number, 0.0, f"e{number}", tuple(trials), tuple(range(seeds)), outcome, reason)  # type: ignore[arg-type]


def step(
    spec: SweepSpec, trials: list[Trial], rounds: list[Round], *, judged: Collection[tuple[int, int]] = (),
    broken: Collection[int] = (),
) -> Step:
    return next_step(spec, trials, rounds, judged=judged, whole=lambda number, seeds: number not in broken)


def optuna(pruner: str = "median", *, seeds: int = 5, **method: Any) -> SweepSpec:
    return parse_sweep(optuna_data(method={"pruner": pruner, **method}, base={"seeds": list(range(seeds))}))


def test_seeds_double_where_a_pruner_judges_between() -> None:
    assert rungs(optuna(seeds=5)) == (1, 2, 4, 5)
    assert rungs(optuna(seeds=4)) == (1, 2, 4)
    assert rungs(optuna("none", seeds=5)) == (5,) == rungs(sweep_spec(base={"seeds": list(range(5))}))


def test_a_grid_trains_budget_by_budget_and_64_at_a_time() -> None:
    spec = sweep_spec()
    trials = [trial(number, epochs=3 if number % 2 else 5) for number in range(140)]
    first = step(spec, trials, [])
    assert isinstance(first, Train) and len(first.trials) == 64 and first.seeds == (0, 1)
    assert {trials[number].epochs for number in first.trials} == {5}
    rounds = [told(1, first.trials, 2)]
    sizes = []
    while isinstance(found := step(spec, trials, rounds), Train):
        sizes.append((trials[found.trials[0]].epochs, len(found.trials)))
        rounds.append(told(len(rounds) + 1, found.trials, 2))
    assert sizes == [(3, 64), (5, 6), (3, 6)] and found == End("finished")


def test_the_refused_are_never_trained() -> None:
    trials = [trial(0, refused="too large"), trial(1)]
    assert step(sweep_spec(), trials, []) == Train((1,), (0, 1))
    assert step(sweep_spec(), trials[:1], []) == End("finished", "No trial keeps to the limits.")


def test_a_batch_is_judged_after_one_two_and_four_seeds_and_then_comes_the_next() -> None:
    spec, trials = optuna(trials=4, batch=2), [trial(0), trial(1)]
    rounds: list[Round] = []
    judged: list[tuple[int, int]] = []
    seen: list[Any] = []
    while not isinstance(found := step(spec, trials, rounds, judged=judged), (Ask, End)):
        if isinstance(found, Judge):
            judged.append((found.batch, found.seeds))
            seen.append(("judge", found.trials))
        else:
            assert isinstance(found, Train)
            rounds.append(told(len(rounds) + 1, found.trials, len(found.seeds)))
            seen.append(("train", len(found.seeds)))
    pair = ("judge", (0, 1))
    assert seen == [("train", 1), pair, ("train", 2), pair, ("train", 4), pair, ("train", 5)]
    assert found == Ask(2)
    more = [*trials, trial(2, batch=1), trial(3, batch=1)]
    assert step(spec, more, rounds, judged=judged) == Train((2, 3), (0,))


def test_the_pruned_get_no_further_seed() -> None:
    spec = optuna(trials=2)
    trials = [trial(0, pruned="below"), trial(1)]
    assert step(spec, trials, [told(1, (0, 1), 1)], judged=[(0, 1)]) == Train((1,), (0, 1))


def test_a_batch_waits_with_its_judgement_until_all_its_budgets_are_trained() -> None:
    spec, trials = optuna(trials=2), [trial(0, epochs=2), trial(1, epochs=3)]
    assert step(spec, trials, [told(1, (0,), 1)]) == Train((1,), (0,))
    assert step(spec, trials, [told(1, (0,), 1), told(2, (1,), 1)]) == Judge(0, 1, (0, 1))


def test_who_failed_is_left_and_the_others_go_on() -> None:
    spec, trials = optuna("none", trials=4, batch=2, seeds=2), [trial(0), trial(1)]
    assert step(spec, trials, [told(1, (0, 1), 2, "failed", "No room.")], broken=(0, 1)) == Ask(2)
    assert step(spec, trials, [told(1, (0, 1), 2, "failed", "One diverged.")], broken=(0,)) == Ask(2)


def test_two_rounds_in_vain_end_a_search() -> None:
    spec, trials = optuna("none", trials=9, batch=1, seeds=2), [trial(0), trial(1, batch=1)]
    rounds = [told(1, (0,), 2, "failed", "No room."), told(2, (1,), 2, "failed", "No room.")]
    assert step(spec, trials, rounds, broken=(0, 1)) == End("failed", "The last 2 rounds failed: No room.")
    assert step(spec, trials, rounds, broken=(0,)) == Ask(1)


def test_a_grid_whose_only_round_failed_has_failed() -> None:
    rounds = [told(1, (0,), 2, "failed", "No room.")]
    assert step(sweep_spec(), [trial(0)], rounds, broken=(0,)) == End("failed", "No room.")
    assert step(sweep_spec(), [trial(0), trial(1)], [told(1, (0, 1), 2, "failed", "x")], broken=(0,)) == End("finished")


def test_more_seeds_give_every_trial_a_further_round() -> None:
    spec = sweep_spec(base={"seeds": [0, 1, 2]})
    assert step(spec, [trial(0)], [told(1, (0,), 2)]) == Train((0,), (0, 1, 2))
    # Also those that a pruner once let pass, without a second judgement.
    assert step(optuna(seeds=8, trials=1), [trial(0)], [told(1, (0,), 5)], judged=[(0, 1), (0, 2), (0, 4)]) == Train(
        (0,), tuple(range(8))
    )


def test_the_better_half_goes_on() -> None:
    means = {0: 0.9, 1: 0.8, 2: 0.95, 3: None, 4: 0.7}
    found = pruned(optuna("halving"), Judge(0, 2, (0, 1, 2, 3, 4)), means, others=[0.99] * 9)
    assert found == dict.fromkeys((1, 4), "After 2 seeds it was not in the better half of its batch.")


def test_what_lies_below_the_median_of_all_is_pruned_once_there_are_enough() -> None:
    judge = Judge(0, 1, (0, 1, 2))
    assert pruned(optuna("median"), judge, {0: 0.9, 1: 0.8, 2: 0.7}, others=[]) == {}
    found = pruned(optuna("median"), judge, {0: 0.9, 1: 0.8, 2: 0.7}, others=[0.85])
    assert found == dict.fromkeys(
        (1, 2), "After 1 seed its validation accuracy was below the median of 4 trials, 82.50%."
    )
    assert list(pruned(optuna("median"), judge, {0: 0.9, 1: 0.8, 2: 0.7}, others=[0.85], front=(2,))) == [1]
    (reason,) = pruned(optuna("median"), judge, {0: 0.4, 1: 0.3, 2: -0.1, 3: 0.3}, others=[], regression=True).values()
    assert reason == "After 1 seed its validation R² was below the median of 4 trials, 0.300."


def test_the_front_is_what_no_other_beats() -> None:
    points = {0: (1.0, 5.0), 1: (2.0, 3.0), 2: (2.0, 4.0), 3: (3.0, 3.0), 4: (1.0, 5.0), 5: (9.0, 1.0)}
    assert pareto_front(points) == [0, 4, 1, 5]
    assert pareto_front({}) == []
