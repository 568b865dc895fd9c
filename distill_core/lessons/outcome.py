"""What an experiment found, as the answers of lessons ask for it; all sentences in the reader's language."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean

from distill_core.charts.names import markdown_name
from distill_core.evaluation.metrics import METRICS, percentage
from distill_core.evaluation.verdict import Verdict, paired_verdict
from distill_core.language import _, counted
from distill_core.rows import ExperimentView, RunRow
from distill_core.spec import ExperimentSpec, Student


@dataclass(frozen=True)
class Outcome:
    """An experiment that is at rest, and its verdicts."""

    view: ExperimentView
    verdicts: tuple[Verdict, ...]

    @property
    def spec(self) -> ExperimentSpec:
        return self.view.spec

    def runs_of(self, name: str) -> list[RunRow]:
        """The trained runs of a variant that have a figure."""
        return [run for run in self.view.runs if run.name == name and run.role != "compressed" and _is_known(run)]

    def scores(self, name: str) -> dict[int, float]:
        """Test accuracy in 0..1 of a variant by seed."""
        return {run.seed: float(run.accuracy or 0.0) for run in self.runs_of(name)}

    def mean(self, name: str) -> float | None:
        found = self.scores(name)
        return fmean(found.values()) if found else None

    def on_class(self, name: str, class_name: str) -> float | None:
        """Share of one class's test samples that a variant recognises, mean over seeds."""
        names = self.view.class_names
        place = names.index(class_name) if class_name in names else None
        found = [
            run.per_class[place] for run in self.runs_of(name)
            if place is not None and place < len(run.per_class) and math.isfinite(run.per_class[place])
        ]
        return fmean(found) if found else None

    def on_others(self, name: str, class_name: str) -> float | None:
        """Mean share recognised over all other classes."""
        found = [share for other in self.view.class_names if other != class_name
                 if (share := self.on_class(name, other)) is not None]
        return fmean(found) if found else None

    def verdict(self, name: str) -> Verdict | None:
        """Of a variant against its student alone, by accuracy; None where there is none."""
        return next((one for one in self.verdicts if one.student == name and one.metric == "accuracy"), None)

    def baseline(self) -> str:
        """The name of the student alone that the verdicts compare with, else of the first that has no teacher."""
        against = next((one.baseline for one in self.verdicts), "")
        return against or next((run.name for run in self.view.runs if run.role == "baseline"), "")

    def between(self, one: str, other: str) -> Verdict:
        """Two variants of the same seeds against each other."""
        return paired_verdict(self.scores(one), self.scores(other), student_name=one, baseline_name=other)


def _is_known(run: RunRow) -> bool:
    return run.accuracy is not None and math.isfinite(run.accuracy)


# Settings of a variant ------------------------------------------------------------------------


def temperature_of(student: Student) -> float | None:
    """Of its soft labels; None for a student that learns from none."""
    for term in student.terms:
        value = term.loss.params.get("temperature")
        if term.weight > 0 and term.loss.name == "kd":
            # Without a choice the loss has its own default.
            return float(str(value)) if value is not None else 4.0
    return None


def teacher_share(student: Student) -> float | None:
    """The teacher's part in the weights of labels and soft labels together; None if another term is weighted."""
    weights: dict[str, float] = {}
    for term in student.terms:
        if term.weight > 0:
            weights[term.loss.name] = weights.get(term.loss.name, 0.0) + term.weight
    if not weights or set(weights) - {"kd", "cross-entropy"}:
        return None
    return weights.get("kd", 0.0) / sum(weights.values())


def by_temperature(spec: ExperimentSpec) -> dict[float, str]:
    """The variants that learn from the teacher alone, by temperature, coldest first."""
    found: dict[float, str] = {}
    for student in spec.students:
        temperature = temperature_of(student)
        if temperature is not None and teacher_share(student) == 1.0:
            found.setdefault(temperature, student.name)
    return dict(sorted(found.items()))


def by_weight(spec: ExperimentSpec) -> dict[float, str]:
    """The variants by the teacher's share in the weights, 0 for the student alone, without smoothed labels."""
    found: dict[float, str] = {}
    for student in spec.students:
        share = teacher_share(student)
        smoothed = any(float(str(term.loss.params.get("label_smoothing") or 0.0)) > 0 for term in student.terms)
        if share is not None and not smoothed:
            found.setdefault(share, student.name)
    return dict(sorted(found.items()))


# Sentences ------------------------------------------------------------------------------------


def share(value: float | None) -> str:
    """An accuracy as a percentage."""
    return "–" if value is None or not math.isfinite(value) else percentage(value)


def points(difference: float) -> str:
    """A difference of accuracies in points, with its sign."""
    return METRICS["accuracy"].signed(difference)


def quoted(name: str) -> str:
    """A variant's name inside a Markdown sentence."""
    return markdown_name(name, 60)


def judged(verdict: Verdict | None) -> str:
    """What the seeds say of one difference, honestly: yes, no, or that they cannot tell."""
    if verdict is None or verdict.seeds == 0:
        return _("The two share no seed with figures, so this experiment cannot compare them.")
    if verdict.ci_low is None or verdict.ci_high is None:
        return _("One seed cannot tell whether a difference of {points} points is more than chance.").format(
            points=points(verdict.delta_mean)
        )
    places = {
        "points": points(verdict.delta_mean), "low": points(verdict.ci_low), "high": points(verdict.ci_high),
        "seeds": counted("{number} seed", "{number} seeds", verdict.seeds), "one": quoted(verdict.student),
        "other": quoted(verdict.baseline),
    }
    if verdict.verdict == "helped":
        return _(
            "“{one}” beats “{other}” by {points} points (95% interval {low} to {high}, {seeds}): more than chance."
        ).format_map(places)
    if verdict.ci_high < 0:
        return _(
            "“{one}” is worse than “{other}”: {points} points (95% interval {low} to {high}, {seeds})."
        ).format_map(places)
    if verdict.verdict == "did not help":
        return _(
            "“{one}” does not beat “{other}” by as much as half a point: {points} points (95% interval {low} to "
            "{high}, {seeds})."
        ).format_map(places)
    return _(
        "Between “{one}” and “{other}” this experiment cannot decide: {points} points (95% interval {low} to {high}, "
        "{seeds}). More seeds might."
    ).format_map(places)
