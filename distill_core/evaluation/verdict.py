"""Judges a student against its baseline: helped, did not help or inconclusive, from paired seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, Literal

from distill_core.evaluation.metrics import METRICS, Metric
from distill_core.language import ENGLISH, _, counted, marked, speaking

Judgement = Literal["helped", "did not help", "inconclusive"]
JUDGEMENTS: tuple[Judgement, ...] = (marked("helped"), marked("did not help"), marked("inconclusive"))  # type: ignore[assignment]


@dataclass(frozen=True)
class Verdict:
    """A student against its baseline. All figures in the metric's own unit (accuracy 0..1, NLL nats, R² none).

    `delta_mean`, `ci_low`, `ci_high` and `differences` (seed, difference) are student minus baseline, whatever
    the direction that is better. The interval is None below two seeds, the means are NaN without any.
    `dropped` counts shared seeds without a finite figure on both sides.
    """

    student: str
    baseline: str
    metric: str
    student_mean: float
    baseline_mean: float
    delta_mean: float
    ci_low: float | None
    ci_high: float | None
    seeds: int
    verdict: Judgement
    differences: tuple[tuple[int, float], ...]
    dropped: int = 0
    confidence: float = 0.95
    smallest_gain: float = 0.005
    higher_is_better: bool = True

    @property
    def kind(self) -> Metric:
        """How its figures are read."""
        return METRICS[self.metric]

    @property
    def metric_title(self) -> str:
        return self.kind.title

    def sentence(self) -> str:
        """The whole verdict in one line; names stand as the user wrote them, so escape it before Markdown or HTML."""
        kind, is_main = self.kind, self.metric in ("accuracy", "r2")
        told = self._rivals()
        return told if is_main else _("{metric}: {sentence}").format(metric=kind.title, sentence=told)

    def _rivals(self) -> str:
        kind, rivals = self.kind, {"student": self.student, "baseline": self.baseline, "verdict": _(self.verdict)}
        if self.seeds == 0:
            return _("{student} and {baseline} share no seed with figures: {verdict}.").format(**rivals)
        figure = kind.value(self.student_mean)
        if self.metric == "r2":
            # A percentage tells by itself that it is an accuracy; a bare number must say what it is.
            figure = f"{kind.title} {figure}"
        rivals |= {
            "figure": figure, "other": kind.value(self.baseline_mean), "difference": kind.difference(self.delta_mean),
            "seeds": seeds_of(self.seeds),
        }
        if self.ci_low is None or self.ci_high is None:
            return _("{student} {figure}, {baseline} {other}: {difference} ({seeds}): {verdict}.").format(**rivals)
        return _(
            "{student} {figure}, {baseline} {other}: {difference} ({confidence}% CI {low} to {high}, {seeds}): "
            "{verdict}."
        ).format(
            **rivals, confidence=f"{self.confidence * 100:.3g}", low=kind.signed(self.ci_low),
            high=kind.signed(self.ci_high),
        )

    def because(self) -> str:
        """Why the verdict is what it is, in one short sentence."""
        if not self.dropped:
            return self._reason()
        left_out = counted(
            "{number} seed without figures left out.", "{number} seeds without figures left out.", self.dropped
        )
        return f"{self._reason()} {left_out}"

    def _reason(self) -> str:
        gain = self.kind.amount(self.smallest_gain)
        if self.ci_low is None or self.ci_high is None:
            if self.seeds == 1:
                return _("One seed cannot tell.")
            return _("Nothing to compare: no seed has both figures.")
        worst, best = _as_gains(self.ci_low, self.ci_high, higher_is_better=self.higher_is_better)
        if self.verdict == "helped":
            if best < self.smallest_gain:
                return _("The whole interval is on the better side of zero, though by less than {gain}.").format(
                    gain=gain
                )
            return _("The whole interval is on the better side of zero.")
        if best < 0:
            return _("The whole interval is on the worse side of zero.")
        if self.verdict == "did not help":
            return _("Even the best end of the interval gains less than {gain}.").format(gain=gain)
        if worst < 0:
            return _(
                "The interval holds both no gain and one of {gain} or more; more seeds would narrow it."
            ).format(gain=gain)
        return _(
            "The interval holds both no gain and one of {gain} or more; more seeds may settle it."
        ).format(gain=gain)

    def to_json(self) -> dict[str, Any]:
        """The fields of a result's `verdicts`, in English; figures without a value are null."""
        figures = ("student_mean", "baseline_mean", "delta_mean", "ci_low", "ci_high")
        numbers = {name: getattr(self, name) for name in figures}
        with speaking(ENGLISH):
            sentence, because = self.sentence(), self.because()
        return {
            "student": self.student, "baseline": self.baseline, "metric": self.metric,
            **{name: None if value is None or math.isnan(value) else value for name, value in numbers.items()},
            "seeds": self.seeds, "dropped": self.dropped, "confidence": self.confidence, "verdict": self.verdict,
            "sentence": sentence, "because": because,
        }


def paired_verdict(
    student: Mapping[int, float], baseline: Mapping[int, float], *, student_name: str, baseline_name: str,
    metric: str = "accuracy", confidence: float = 0.95, smallest_gain: float | None = None,
) -> Verdict:
    """Compare two variants by their figures keyed by seed, using the seeds present in both.

    helped: the whole interval of the paired differences is better than zero. did not help: the whole interval is
    below `smallest_gain` (by default half a point of accuracy; less means nothing). inconclusive: neither, or
    fewer than two seeds. Differences of zero variance give an interval that is a point.
    Several variants judged at once are not corrected for being several. Raises ValueError for an unknown metric
    or a confidence outside 0..1.
    """
    if metric not in METRICS:
        raise ValueError(f"metric is {metric!r}; expected one of {', '.join(METRICS)}")
    kind = METRICS[metric]
    smallest = kind.smallest_gain if smallest_gain is None else smallest_gain
    shared = sorted(student.keys() & baseline.keys())
    usable = [seed for seed in shared if math.isfinite(student[seed]) and math.isfinite(baseline[seed])]
    differences = tuple((seed, student[seed] - baseline[seed]) for seed in usable)
    interval = t_interval([difference for _, difference in differences], confidence=confidence)
    nothing = float("nan")
    return Verdict(
        student=student_name, baseline=baseline_name, metric=metric,
        student_mean=fmean(student[seed] for seed in usable) if usable else nothing,
        baseline_mean=fmean(baseline[seed] for seed in usable) if usable else nothing,
        delta_mean=fmean(difference for _, difference in differences) if usable else nothing,
        ci_low=interval[0] if interval else None, ci_high=interval[1] if interval else None,
        seeds=len(usable), differences=differences, dropped=len(shared) - len(usable),
        verdict=_judge(interval, higher_is_better=kind.higher_is_better, smallest_gain=smallest),
        confidence=confidence, smallest_gain=smallest, higher_is_better=kind.higher_is_better,
    )


def t_interval(values: Sequence[float], *, confidence: float = 0.95) -> tuple[float, float] | None:
    """Student's t interval for the mean of normal values (Student 1908); None for fewer than two values."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; expected between 0 and 1")
    if len(values) < 2:
        return None
    # Imported where it is used: the web process starts 0.2 s sooner without it.
    from scipy.special import stdtrit

    mean = fmean(values)
    quantile = float(stdtrit(len(values) - 1, (1 + confidence) / 2))
    half = quantile * stdev(values) / math.sqrt(len(values))
    return mean - half, mean + half


def _judge(interval: tuple[float, float] | None, *, higher_is_better: bool, smallest_gain: float) -> Judgement:
    if interval is None:
        return "inconclusive"
    worst, best = _as_gains(*interval, higher_is_better=higher_is_better)
    if worst > 0:
        return "helped"
    return "did not help" if best < smallest_gain else "inconclusive"


def _as_gains(low: float, high: float, *, higher_is_better: bool) -> tuple[float, float]:
    """The interval with better always up: (worst, best)."""
    return (low, high) if higher_is_better else (-high, -low)


def seeds_of(number: int) -> str:
    """A number of seeds in words."""
    return counted("{number} seed", "{number} seeds", number)
