"""What Optuna proposes: the same for the same trials and seed, nothing twice, within limits; and importance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import pytest

from distill_core.catalog import Catalogue
from distill_core.errors import Conflict
from distill_core.sweep_rows import Spread, Trial, TrialResult
from distill_core.sweep_spec import SweepSpec, parse_sweep
from distill_core.sweeps import planning, search
from distill_core.sweeps.cells import network_key
from tests.sweep_samples import optuna_data, sweep_data


def found(trial: Trial, accuracy: float, **more: Any) -> TrialResult:
    nothing = Spread(None, None, None, 0)
    told: dict[str, Any] = {
        "state": "finished", "validation": Spread(accuracy, None, None, 2), "parameters": 100, "size_bytes": 1000,
        "latency_p50_ms": 1.0,
    }
    return TrialResult(
        number=trial.number, name=trial.name, values=trial.values, twins=(), reason="", seeds=(), test=nothing,
        gain=nothing, validation_gain=nothing, architecture="tiny-cnn", **(told | more),
    )


def searched(
    spec: SweepSpec, catalogue: Catalogue, judge: Callable[[Trial], TrialResult], *, batches: int = 3
) -> list[Trial]:
    trials: list[Trial] = []
    results: list[TrialResult] = []
    for _ in range(batches):
        made = search.ask(spec, results, trials, 4, catalogue, {})
        trials += made.trials
        results += [judge(trial) for trial in made.trials]
    return trials


def warm(trial: Trial) -> TrialResult:
    return found(trial, 0.9 - abs(trial.values["temperature"] - 8) / 100)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_the_same_trials_and_seed_give_the_same_proposals(catalogue: Catalogue, sampler: str) -> None:
    def of(seed: int) -> list[Trial]:
        data = optuna_data(method={"sampler": sampler, "seed": seed}, objectives=["accuracy", "size"])
        return searched(planning.complete(parse_sweep(data), catalogue), catalogue, warm)

    assert of(1) == of(1)
    assert [one.values for one in of(1)] != [one.values for one in of(2)]
    assert [(one.number, one.batch) for one in of(1)] == [(number, number // 4) for number in range(12)]


def test_a_genetic_search_goes_on_with_the_generations_it_had(catalogue: Catalogue) -> None:
    data = optuna_data(method={"sampler": "nsga2"}, objectives=["accuracy", "size"])
    trials = searched(planning.complete(parse_sweep(data), catalogue), catalogue, warm, batches=4)
    generations = [one.attrs.get("NSGAIISampler:generation") for one in trials]
    assert generations == sorted(generations) and generations[0] == 0 and generations[-1] >= 2


def test_what_is_found_draws_later_proposals(catalogue: Catalogue) -> None:
    axes = [{"field": "temperature", "low": 1, "high": 100, "log": True}]
    spec = planning.complete(parse_sweep(optuna_data(axes=axes)), catalogue)
    trials = searched(spec, catalogue, warm, batches=8)
    first, last = (median(abs(one.values["temperature"] - 8) for one in part) for part in (trials[:8], trials[-8:]))
    assert last < first / 2


def test_trials_beyond_a_limit_are_proposed_less(catalogue: Catalogue) -> None:
    def wide(trial: Trial) -> TrialResult:
        width = trial.values["student"]["params"]["width"]
        # The largest is the most accurate: only the limit speaks against it.
        return found(trial, 0.8 + width / 100, latency_p50_ms=float(width))

    def largest(limits: dict[str, float]) -> int:
        spec = planning.complete(parse_sweep(optuna_data(limits=limits)), catalogue)
        trials = searched(spec, catalogue, wide, batches=10)[12:]
        return sum(one.values["student"]["params"]["width"] == 16 for one in trials)

    assert largest({"latency_ms": 8.0}) < largest({}) / 2


def test_networks_that_break_a_known_limit_are_never_proposed(catalogue: Catalogue) -> None:
    spec = planning.complete(parse_sweep(optuna_data(limits={"parameters": 1000})), catalogue)
    networks = {
        network_key(planning.variant(spec, trial, catalogue).architecture): {
            "parameters": trial.values["student"]["params"]["width"] * 200
        }
        for trial in searched(spec, catalogue, warm, batches=5)
    }
    assert len(networks) == 4
    made = search.ask(spec, [], [], 12, catalogue, networks)
    assert {one.values["student"]["params"]["width"] for one in made.trials} <= {2, 4}
    assert not any(one.refused for one in made.trials)


def test_nothing_is_tried_twice_and_a_space_can_be_used_up(catalogue: Catalogue) -> None:
    data = sweep_data(method={"kind": "optuna", "trials": 20, "batch": 8})
    spec = planning.complete(parse_sweep(data), catalogue)
    made = search.ask(spec, [], [], 8, catalogue, {})
    assert len(made.trials) == 4 and made.exhausted
    again = search.ask(spec, [found(one, 0.9) for one in made.trials], made.trials, 8, catalogue, {})
    assert (again.trials, again.exhausted) == ((), True)


def test_failed_trials_teach_nothing_and_hinder_nobody(catalogue: Catalogue) -> None:
    spec = planning.complete(parse_sweep(optuna_data()), catalogue)
    made = search.ask(spec, [], [], 4, catalogue, {})
    failed = [found(one, 0.9, state="failed") for one in made.trials]
    assert len(search.ask(spec, failed, made.trials, 4, catalogue, {}).trials) == 4


def grid_of(
    catalogue: Catalogue, accuracy: Callable[[dict[str, Any]], float]
) -> tuple[SweepSpec, Sequence[TrialResult]]:
    axes = [{"field": "temperature", "values": [1, 2, 4, 8]}, {"field": "teacher_share", "values": [0.25, 0.5, 1]}]
    spec = planning.complete(parse_sweep(sweep_data(axes=axes)), catalogue)
    trials = planning.new_trials(spec, (), catalogue, {}).trials
    return spec, [found(trial, accuracy(dict(trial.values))) for trial in trials]


def test_importance_finds_the_axis_that_matters(catalogue: Catalogue) -> None:
    spec, results = grid_of(
        catalogue, lambda values: 0.8 + values["temperature"] / 100 + values["teacher_share"] / 1000
    )
    told = search.importance(spec, results)
    assert told.trials == 12 and "fANOVA" in told.evaluator
    assert told.shares["temperature"] > 0.9 and sum(told.shares.values()) == pytest.approx(1.0)
    assert search.importance(spec, results) == told, "the same figures at every look"


def test_importance_is_told_while_seeds_are_missing_of_trials_that_have_as_many(catalogue: Catalogue) -> None:
    spec, whole = grid_of(catalogue, lambda values: 0.8 + values["temperature"] / 100)

    def with_seeds(one: TrialResult, seeds: int) -> TrialResult:
        mean = one.validation.mean if seeds else None
        return replace(one, state="running", validation=Spread(mean, None, None, seeds))

    # Ten have two seeds or more, which is enough; the eleventh has one, the last none.
    results = [with_seeds(one, seeds) for one, seeds in zip(whole, [3, 3, *[2] * 8, 1, 0], strict=True)]
    assert [one.number for one in search.comparable(results)] == list(range(10))
    told = search.importance(spec, results)
    assert told.trials == 10 and told.shares["temperature"] > 0.9
    begun = [with_seeds(one, int(one.number < 3)) for one in whole]
    with pytest.raises(Conflict, match="there are 3"):
        search.importance(spec, begun)


def test_importance_of_few_or_equal_trials_is_refused(catalogue: Catalogue) -> None:
    spec, results = grid_of(catalogue, lambda values: 0.9)
    with pytest.raises(Conflict, match="trials that differ"):
        search.importance(spec, results)
    with pytest.raises(Conflict, match="at least 10 trials with a figure; there are 9"):
        search.importance(spec, results[:9])
