"""Asks Optuna for a sweep's next trials, and how much each axis matters; the study is built anew from our trials."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from distill_core.catalog import Catalogue
from distill_core.errors import Conflict
from distill_core.spec import Choice
from distill_core.sweep_rows import Importance, Trial, TrialResult
from distill_core.sweep_spec import Axis, Objective, Optuna, SweepSpec, value_json
from distill_core.sweeps import spaces
from distill_core.sweeps.cells import network_key, student_of
from distill_core.sweeps.planning import Made, Making, Networks, broken_before_training

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

FEWEST_FOR_IMPORTANCE = 10
EVALUATOR = "fANOVA (Hutter, Hoos and Leyton-Brown 2014), by Optuna"
_STARTUP_TRIALS = 10
_SMALLEST_POPULATION = 4
_MOST_ASKS = 20
"""Of the sampler for one trial, before it is drawn at random: it may propose again what it knows to be good."""
_DIRECTIONS: Mapping[Objective, str] = {
    "accuracy": "maximize", "latency": "minimize", "size": "minimize", "parameters": "minimize",
}


def ask(
    spec: SweepSpec, known: Sequence[TrialResult], trials: Sequence[Trial], number: int, catalogue: Catalogue,
    networks: Networks,
) -> Made:
    """The next `number` trials. The same trials and seed give the same answer, in whatever process.

    `trials` are all there are and `known` what they found. Nothing that was tried is proposed again.
    """
    assert isinstance(spec.method, Optuna)
    optuna = _optuna()
    distributions: dict[str, BaseDistribution] = {
        axis.field: _distribution(axis, spec, catalogue, networks) for axis in spec.axes
    }
    making = Making(spec, trials, catalogue, networks)
    study = optuna.create_study(directions=[_DIRECTIONS[objective] for objective in spec.objectives])
    study.add_trials([
        _frozen(spec, trial, results, distributions) for trial, results in _paired(trials, known)
        if _all_allowed(trial.values, distributions)
    ])
    while len(making.trials) < number:
        place = len(trials) + len(making.trials)
        # What is proposed stays in the study as running, so that the sampler keeps away from it.
        if not any(
            _propose(spec, study, making, distributions, number=place, attempt=attempt) for attempt in range(_MOST_ASKS)
        ) and not _take_any(spec, study, making, distributions, number=place):
            return making.made(exhausted=True)
    return making.made(exhausted=False)


def importance(spec: SweepSpec, results: Sequence[TrialResult]) -> Importance:
    """How much of the variance of the mean validation accuracy each axis explains, of trials that can be compared.

    Raises Conflict while too few trials have any, or where they do not differ.
    """
    compared = comparable(results)
    axes = [axis for axis in spec.axes if len({json.dumps(one.values[axis.field]) for one in compared}) > 1]
    if len(compared) < FEWEST_FOR_IMPORTANCE:
        raise Conflict(
            f"Importance needs at least {FEWEST_FOR_IMPORTANCE} trials with a figure; there are {len(compared)}. Wait "
            "for more, or extend the sweep."
        )
    accuracies = {one.validation.mean for one in compared}
    if not axes or len(accuracies) < 2:
        raise Conflict("Importance needs trials that differ; these all have the same values or the same accuracy.")
    optuna = _optuna()
    distributions = {axis.field: _as_drawn(axis, compared) for axis in axes}
    study = optuna.create_study(direction="maximize")
    study.add_trials([
        optuna.create_trial(
            value=one.validation.mean,
            params={axis.field: _param(one.values[axis.field]) for axis in axes}, distributions=distributions,
        )
        for one in compared
    ])
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    told: dict[str, float] = {axis.field: float(shares.get(axis.field, 0.0)) for axis in spec.axes}
    return Importance(shares=told, trials=len(compared), evaluator=EVALUATOR)


def comparable(results: Sequence[TrialResult]) -> list[TrialResult]:
    """Trials whose means can be set side by side: with at least as many seeds as, at best, enough trials have.

    A mean of fewer seeds is off by more. Pruned, stopped and failed trials count like others by the seeds they have.
    """
    known = [one for one in results if one.validation.mean is not None]
    for most in sorted({one.validation.seeds for one in known}, reverse=True):
        found = [one for one in known if one.validation.seeds >= most]
        if len(found) >= FEWEST_FOR_IMPORTANCE:
            return found
    return known


def _optuna() -> Any:
    """Loaded where it is used: it takes half a second, and few pages need it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _sampler(method: Optuna, number: int, attempt: int) -> optuna.samplers.BaseSampler:
    import optuna

    # One stream of random numbers a trial: what is asked after a restart is what would have been asked.
    seed = (method.seed * 1_000_003 + number * 101 + attempt) % 2**32
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if method.sampler == "nsga2":
            return optuna.samplers.NSGAIISampler(population_size=max(method.batch, _SMALLEST_POPULATION), seed=seed)
        return optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=min(_STARTUP_TRIALS, method.batch), constant_liar=True
        )


def _propose(
    spec: SweepSpec, study: optuna.Study, making: Making, distributions: dict[str, BaseDistribution], *, number: int,
    attempt: int,
) -> bool:
    """Whether what the sampler proposes is new, and now a trial."""
    import optuna

    assert isinstance(spec.method, Optuna)
    study.sampler = _sampler(spec.method, number, attempt)
    proposed = study.ask(distributions)
    if making.take(_values(spec, proposed.params), attrs=dict(study.trials[-1].system_attrs)):
        return True
    study.tell(proposed, state=optuna.trial.TrialState.FAIL)
    return False


def _take_any(
    spec: SweepSpec, study: optuna.Study, making: Making, distributions: dict[str, BaseDistribution], *, number: int
) -> bool:
    """Any combination that is left; whether there was one."""
    assert isinstance(spec.method, Optuna)
    every = spaces.grid(spec) if not any(axis.ranged for axis in spec.axes) else iter(())
    for values in (*spaces.drawn(spec, seed=spec.method.seed, number=number), *every):
        if _all_allowed(values, distributions) and making.take(values):
            study.add_trial(_waiting(making.trials[-1], distributions))
            return True
    return False


def _all_allowed(values: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]) -> bool:
    """Whether no value is one that a limit rules out."""
    from optuna.distributions import CategoricalDistribution

    return all(
        not isinstance(distributions[field], CategoricalDistribution) or _param(value) in distributions[field].choices
        for field, value in values.items()
    )


def _waiting(trial: Trial, distributions: Mapping[str, BaseDistribution]) -> Any:
    optuna = _optuna()
    return optuna.create_trial(
        state=optuna.trial.TrialState.RUNNING, distributions=dict(distributions),
        params={field: _param(value) for field, value in trial.values.items()},
    )


def _paired(trials: Sequence[Trial], known: Sequence[TrialResult]) -> list[tuple[Trial, TrialResult]]:
    by_number = {one.number: one for one in known}
    return [(trial, by_number[trial.number]) for trial in trials if trial.number in by_number]


def _frozen(
    spec: SweepSpec, trial: Trial, found: TrialResult, distributions: Mapping[str, BaseDistribution]
) -> Any:
    """A trial as Optuna holds it. One pruned after few seeds tells the mean over those; a failed one nothing."""
    optuna = _optuna()
    common = {
        "params": {field: _param(value) for field, value in trial.values.items()},
        "distributions": dict(distributions), "system_attrs": dict(trial.attrs),
    }
    figures = [objective_value(found, objective) for objective in spec.objectives]
    if trial.refused or found.state in ("failed", "stopped", "refused") or None in figures:
        return optuna.create_trial(state=optuna.trial.TrialState.FAIL, **common)
    return optuna.create_trial(values=figures, constraints=_broken(spec, found), **common)


def objective_value(found: TrialResult, objective: Objective) -> float | None:
    """What a trial reached in an objective; None: not (yet) known."""
    return {
        "accuracy": found.validation.mean, "latency": found.latency_p50_ms, "size": found.size_bytes,
        "parameters": found.parameters,
    }[objective]


def _broken(spec: SweepSpec, found: TrialResult) -> dict[str, float]:
    """By how much of its limit each figure is beyond it; at most 0 where it is kept."""
    limits, told = spec.limits, {}
    for name, limit, figure in (
        ("parameters", limits.parameters, found.parameters), ("size", limits.size_bytes, found.size_bytes),
        ("latency", limits.latency_ms, found.latency_p50_ms),
    ):
        if limit is not None and figure is not None:
            told[name] = figure / limit - 1
    if limits.accuracy is not None and found.validation.mean is not None:
        told["accuracy"] = limits.accuracy - found.validation.mean
    return told


def _distribution(axis: Axis, spec: SweepSpec, catalogue: Catalogue, networks: Networks) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if axis.ranged:
        assert axis.low is not None and axis.high is not None
        if axis.field == "epochs":
            return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
        return FloatDistribution(axis.low, axis.high, log=axis.log)
    values = [value_json(value) for value in axis.values]
    if axis.field == "student":
        first = {one.field: value_json(one.values[0]) for one in spec.axes if one.values}
        kept = [value for value in values if not _is_refused(spec, first | {"student": value}, catalogue, networks)]
        # With none left the first trials tell, each with the reason.
        values = kept or values
    return CategoricalDistribution(tuple(_param(value) for value in values))


def _is_refused(spec: SweepSpec, values: dict[str, Any], catalogue: Catalogue, networks: Networks) -> bool:
    figures = networks.get(network_key(student_of(spec, values, catalogue).architecture), {})
    return bool(list(broken_before_training(spec.limits, figures)))


def _as_drawn(axis: Axis, results: Sequence[TrialResult]) -> BaseDistribution:
    """Of listed values each counts alike; a range is that which the trials span."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    found = [one.values[axis.field] for one in results]
    if axis.ranged:
        return FloatDistribution(float(min(found)), float(max(found)), log=axis.log)
    return CategoricalDistribution(tuple(dict.fromkeys(_param(value) for value in found)))


def _param(value: Any) -> Any:
    """Optuna's categories are numbers and texts: a choice with parameters goes as JSON."""
    return json.dumps(value, sort_keys=True) if isinstance(value, (dict, Choice)) else value


def _values(spec: SweepSpec, params: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for axis in spec.axes:
        value = params[axis.field]
        if axis.ranged and axis.field != "epochs":
            value = spaces.rounded(value, axis)
        elif isinstance(value, str) and value.startswith("{"):
            value = json.loads(value)
        values[axis.field] = value
    return values
