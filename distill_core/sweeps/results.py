"""What a sweep has found: its trials' runs put together by seed, beside those of the student alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from distill_core.catalog import Catalogue
from distill_core.plan import ALONE, with_baselines
from distill_core.spec import Student
from distill_core.sweep_rows import (
    AloneResult,
    Round,
    SweepResults,
    SweepRow,
    SweepRun,
    Trial,
    TrialResult,
    TrialState,
)
from distill_core.sweep_spec import SweepSpec, value_json
from distill_core.sweeps.cells import experiment_of, network_key
from distill_core.sweeps.front import pareto_front
from distill_core.sweeps.planning import variant
from distill_core.sweeps.search import objective_value
from distill_core.sweeps.trial_results import WITH_FIGURES, Graph, Held, score_spread, seed_figures, trial_result

_ALL_THREADS = 100_000


class Variants:
    """The variants of a sweep's trials, and the names of those alone in its rounds; remembered, for they never change.

    Thread-safe: at worst something is worked out twice.
    """

    def __init__(self, catalogue: Callable[[], Catalogue]) -> None:
        self._catalogue = catalogue
        self._students: dict[tuple[str, int], Student] = {}
        self._alone: dict[tuple[str, int], dict[str, str]] = {}

    def students(self, row: SweepRow, trials: Sequence[Trial]) -> dict[int, Student]:
        """By number of trial."""
        for trial in trials:
            if (row.sweep_id, trial.number) not in self._students:
                made = variant(row.spec, trial, self._catalogue())
                self._students[row.sweep_id, trial.number] = made
        return {trial.number: self._students[row.sweep_id, trial.number] for trial in trials}

    def alone(
        self, row: SweepRow, rounds: Sequence[Round], students: Mapping[int, Student]
    ) -> dict[str, dict[str, str]]:
        """By experiment and name of a run trained alone: the network that it is."""
        for one in rounds:
            if (row.sweep_id, one.number) not in self._alone and one.trials:
                mine = [students[number] for number in one.trials]
                spec = experiment_of(row.spec, mine, seeds=one.seeds, epochs=1)
                names = {student.name for student in mine}
                self._alone[row.sweep_id, one.number] = {
                    other.name: network_of(other)
                    for other in with_baselines(spec, self._catalogue()) if other.name not in names
                }
        return {one.experiment_id: self._alone.get((row.sweep_id, one.number), {}) for one in rounds}


def results_of(held: Held, variants: Variants) -> SweepResults:
    """Every trial with its figures, its state and its place among the others."""
    spec, students = held.row.spec, variants.students(held.row, held.trials)
    names = variants.alone(held.row, held.rounds, students)
    by_trial, alone = _sorted_out(held, names)
    graphs = _graphs(held, students)
    trials = []
    for trial in held.trials:
        student = students[trial.number]
        beside = alone.get((network_of(student), trial.epochs), {})
        graph = graphs.get(network_key(student.architecture), Graph())
        trials.append(trial_result(held, trial, by_trial.get(trial.number, []), beside, graph, student))
    front = front_of(spec, trials)
    trials = [replace(one, on_front=one.number in front) for one in trials]
    states: Counter[TrialState] = Counter(one.state for one in trials)
    regression = any(run.task == "regression" for run in held.runs)
    return SweepResults(
        row=held.row, trials=tuple(trials), alone=tuple(_alone(held, alone, students)), objectives=spec.objectives,
        metric="r2" if regression else "accuracy", best=best_of(trials), counts=dict(states),
        latency_where=next((graph.where for graph in graphs.values() if graph.where), None), front=tuple(front),
    )


def front_of(spec: SweepSpec, trials: Sequence[TrialResult], *, finished: bool = True) -> list[int]:
    """Numbers of the trials that no other beats in every objective; only those that keep to the limits."""
    points = {}
    for one in trials:
        figures = [objective_value(one, objective) for objective in spec.objectives]
        if one.limits_broken or None in figures or (finished and one.state != "finished"):
            continue
        points[one.number] = [
            -float(figure or 0) if objective == "accuracy" else float(figure or 0)
            for objective, figure in zip(spec.objectives, figures, strict=True)
        ]
    return pareto_front(points)


def best_of(trials: Sequence[TrialResult]) -> int | None:
    """The best mean validation accuracy within the limits: of finished trials, else of those with the most seeds."""
    known = [one for one in trials if one.validation.mean is not None and not one.limits_broken]
    among = [one for one in known if one.state == "finished"]
    if not among:
        most = max((one.validation.seeds for one in known), default=0)
        among = [one for one in known if one.validation.seeds == most]
    best = max(among, key=lambda one: (one.validation.mean or 0, -one.number), default=None)
    return None if best is None else best.number


def network_of(student: Student) -> str:
    """What must be the same for two variants to be compared with the same one alone."""
    return f"{network_key(student.architecture)} {student.start} {student.weights}"


def _sorted_out(
    held: Held, names_alone: Mapping[str, Mapping[str, str]]
) -> tuple[dict[int, list[SweepRun]], dict[tuple[str, int], dict[int, SweepRun]]]:
    """The runs of each trial, and by network and budget the finished ones of it alone; the newest of each seed."""
    by_name = {trial.name: trial for trial in held.trials}
    budgets = {one.experiment_id: held.trials[one.trials[0]].epochs for one in held.rounds if one.trials}
    mine: dict[tuple[int, int], SweepRun] = {}
    alone: dict[tuple[str, int], dict[int, SweepRun]] = {}
    for run in held.runs:
        done = run.state in WITH_FIGURES
        if (network := names_alone[run.experiment_id].get(run.name)) is not None:
            if done:
                alone.setdefault((network, budgets[run.experiment_id]), {})[run.seed] = run
        elif (trial := by_name.get(run.name)) is not None:
            before = mine.get((trial.number, run.seed))
            # What is finished stays so while a later round has not yet taken it over.
            if before is None or before.state not in WITH_FIGURES or done:
                mine[trial.number, run.seed] = run
    by_trial: dict[int, list[SweepRun]] = {}
    for (number, _), run in mine.items():
        by_trial.setdefault(number, []).append(run)
    return by_trial, alone


def _alone(
    held: Held, found: Mapping[tuple[str, int], Mapping[int, SweepRun]], students: Mapping[int, Student]
) -> list[AloneResult]:
    of_trials: dict[tuple[str, int], list[int]] = {}
    for trial in held.trials:
        if not trial.refused:
            of_trials.setdefault((network_of(students[trial.number]), trial.epochs), []).append(trial.number)
    result = []
    for key, numbers in of_trials.items():
        runs, student = found.get(key, {}), students[numbers[0]]
        figures = tuple(seed_figures(runs[seed], None) for seed in held.row.spec.base.seeds if seed in runs)
        result.append(
            AloneResult(
                name=next((run.name for run in runs.values()), ALONE), architecture=value_json(student.architecture),
                start=student.start, epochs=key[1], seeds=figures, trials=tuple(numbers),
                validation=score_spread([one.validation for one in figures]),
                test=score_spread([one.test for one in figures]),
            )
        )
    return result


def _graphs(held: Held, students: Mapping[int, Student]) -> dict[str, Graph]:
    """By network what is known of it: exported runs first measured, or what was told before training."""
    keys = {trial.name: network_key(students[trial.number].architecture) for trial in held.trials}
    found: dict[str, Graph] = {
        key: Graph(told.get("parameters"), told.get("size_bytes")) for key, told in held.networks.items()
    }
    for run in held.runs:
        if (key := keys.get(run.name)) is None:
            continue
        known = found.get(key, Graph())
        row = min(run.latency, key=lambda one: (one.batch, one.threads or _ALL_THREADS), default=None)
        if known.latency_p50_ms is None and row is not None:
            known = replace(known, latency_p50_ms=row.p50, where=row)
        found[key] = replace(
            known, parameters=run.parameters or known.parameters,
            size_bytes=run.onnx_size_bytes if known.size_bytes is None else known.size_bytes,
        )
    return found
