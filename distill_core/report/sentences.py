"""Says in whole sentences what an experiment found: the answer, how sure it is, what the figures do not say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from distill_core.charts.descent import latency_at
from distill_core.charts.names import plain_name
from distill_core.charts.style import MOST_SERIES
from distill_core.charts.tradeoff import latency_conditions
from distill_core.charts.units import threads
from distill_core.charts.variants import validation_means
from distill_core.evaluation.bootstrap import bootstrap_interval
from distill_core.evaluation.metrics import metric_title, primary_metric
from distill_core.evaluation.paired_tests import sign_test
from distill_core.evaluation.seeds_needed import seeds_needed
from distill_core.evaluation.verdict import Judgement, Verdict, seeds_of
from distill_core.language import _, counted, told
from distill_core.rows import ExperimentView

LONGEST_NAME, LONGEST_SENTENCE = 72, 400
_FEW_SEEDS, _FIRST = 3, 3


@dataclass(frozen=True)
class Told:
    """One verdict: its word, its sentence and why. `verdict` is the word in English, by which it is coloured."""

    verdict: Judgement
    word: str
    sentence: str
    because: str
    is_control: bool


def answer(verdicts: Sequence[Verdict], view: ExperimentView) -> str:
    """What distillation did, in one sentence."""
    best, found = best_of(verdicts, view), judged(verdicts, view)
    if best is None:
        return _("No distilled student has been judged against the same network trained alone.")
    kind, name = best.kind, plain_name(best.student, LONGEST_NAME)
    figure = kind.value(best.student_mean) if kind.is_share else f"{kind.title} {kind.value(best.student_mean)}"
    words = {"name": name, "figure": figure, "difference": kind.difference(best.delta_mean)}
    rest = _("“{name}” reaches {figure}, {difference} against the same network trained alone").format(**words)
    if best.ci_low is not None and best.ci_high is not None:
        rest = _(
            "“{name}” reaches {figure}, {difference} against the same network trained alone ({confidence} interval "
            "{low} to {high}, {seeds})"
        ).format(
            **words, confidence=f"{best.confidence:.0%}", low=kind.signed(best.ci_low), high=kind.signed(best.ci_high),
            seeds=seeds_of(best.seeds),
        )
    if len(found) > MOST_SERIES:
        rest = _("{found}; validation data chose it of {number} students").format(found=rest, number=len(found))
    if best.verdict == "helped":
        return _("Distillation helped: {found}.").format(found=rest)
    if all(verdict.verdict == "did not help" for verdict in found):
        return _("Distillation did not help: {found}.").format(found=rest)
    return _("It is not clear yet whether distillation helped: {found}.").format(found=rest)


def judged(verdicts: Sequence[Verdict], view: ExperimentView) -> list[Verdict]:
    """Those of distilled students that have figures."""
    distilled = {run.name for run in view.runs if run.role == "student"}
    return [verdict for verdict in verdicts if verdict.student in distilled and math.isfinite(verdict.delta_mean)]


def best_of(verdicts: Sequence[Verdict], view: ExperimentView) -> Verdict | None:
    """The one that the answer tells: the largest gain among those that helped, else among all.

    Of more than eight the validation data choose: the largest of many gains on the test set is large by luck, too.
    """
    found = judged(verdicts, view)
    if len(found) > MOST_SERIES:
        means = validation_means(view.runs)
        return max(found, key=lambda one: (means.get(one.student, -math.inf), _gain(one)))
    helped = [verdict for verdict in found if verdict.verdict == "helped"]
    return max(helped or found, key=_gain, default=None)


def told_of(verdicts: Sequence[Verdict], view: ExperimentView) -> list[Told]:
    """Every verdict, distilled students first, the largest gain before the others.

    Of more than eight the best on validation data come first, and only they say why, or nobody would read them.
    """
    distilled = {run.name for run in view.runs if run.role == "student"}
    many = len(judged(verdicts, view)) > MOST_SERIES
    means = validation_means(view.runs) if many else {}
    ordered = sorted(
        verdicts, key=lambda one: (one.student not in distilled, -means.get(one.student, -math.inf) if many else 0.0,
                                   -_gain(one)),
    )
    return [
        Told(
            one.verdict, _("control, no teacher") if one.student not in distilled else _(one.verdict),
            plain_name(one.sentence(), LONGEST_SENTENCE),
            plain_name(one.because(), LONGEST_SENTENCE) if not many or place < _FIRST else "",
            one.student not in distilled,
        )
        for place, one in enumerate(ordered)
    ]


def conditions(view: ExperimentView) -> tuple[int, int] | None:
    """Batch and threads of the latencies on the page: the smallest that were measured."""
    return next(iter(latency_conditions(view.runs)), None)


def latency_words(view: ExperimentView) -> str:
    """How the latencies of the table were measured, in a sentence."""
    found = conditions(view)
    row = latency_at(view.runs, batch=found[0], threads=found[1]) if found else None
    if row is None:
        return _("No ONNX latency was measured.")
    return _(
        "ONNX latency of one batch: batch {batch}, {threads}, {provider} on {machine}, {repeats} timed batches after a "
        "warm-up; p95: 95 of 100 were faster."
    ).format(
        batch=row.batch, threads=threads(row.threads), provider=row.provider, machine=plain_name(row.machine, 120),
        repeats=f"{row.repeats:,}",
    )


def limits(view: ExperimentView, verdicts: Sequence[Verdict]) -> list[str]:
    """What the figures do not say, in sentences."""
    sentences = [
        _("The {metric} is measured on {tested} that chose nothing: not the epoch, not the settings. Other data give "
          "others.").format(metric=metric_title(primary_metric(view.task), view.task), tested=_tested(view)),
        _("Latency holds for the machine and the conditions beside it; expect another elsewhere."),
    ]
    fewest = min((verdict.seeds for verdict in verdicts), default=0)
    if 0 < fewest < _FEW_SEEDS:
        sentences.append(counted(
            "{number} seed tells little; the verdict may change with more.",
            "{number} seeds tell little; the verdict may change with more.", fewest,
        ))
    if len([verdict for verdict in verdicts if verdict.verdict == "helped"]) > 1:
        sentences.append(_("Several variants were judged at once; the intervals are not corrected for that."))
    withheld = ", ".join(plain_name(name) for name in view.spec.data.withheld_classes)
    if withheld:
        sentences.append(_("No student ever saw a sample of class {classes}.").format(classes=withheld))
    exported = [run for run in view.runs if run.same_class is not None and run.test_total]
    if exported and view.task != "regression":
        worst = min(exported, key=lambda run: (run.same_class or 0) / (run.test_total or 1))
        sentences.append(_(
            "The exported files choose the same class as the trained networks for at least {same} of {tested}."
        ).format(same=f"{worst.same_class:,}", tested=_counted_tests(view, worst.test_total or 0)))
    return sentences


def sure(best: Verdict | None) -> list[str]:
    """What the seeds of the answer's student say beside the t interval."""
    if best is None:
        return []
    differences = [difference for _seed, difference in best.differences]
    sentences = [best.because()]
    interval, signs = bootstrap_interval(differences, confidence=best.confidence), sign_test(differences)
    if interval is not None:
        kind = best.kind
        sentences.append(_(
            "The bootstrap, which assumes no bell curve, gives {low} to {high}; of few seeds it is a little too narrow."
        ).format(low=kind.signed(interval[0]), high=kind.difference(interval[1])))
        better, worse = (signs.positive, signs.negative)
        if not best.higher_is_better:
            better, worse = worse, better
        sentences.append(_(
            "{better} of {seeds} did better, {worse} worse; chance alone splits them so unevenly in {chance} of cases "
            "(sign test)."
        ).format(better=better, worse=worse, seeds=seeds_of(len(differences)), chance=f"{signs.chance:.0%}"))
    if needed := seeds_needed(best):
        sentences.append(told(needed.sentence()))
    return [plain_name(sentence, LONGEST_SENTENCE) for sentence in sentences]


def _tested(view: ExperimentView) -> str:
    total = next((run.test_total for run in view.runs if run.test_total), None)
    if total is not None:
        return _counted_tests(view, total)
    return _("test steps") if view.task == "tagging" else _("test samples")


def _counted_tests(view: ExperimentView, number: int) -> str:
    if view.task == "tagging":
        return counted("{number} test step", "{number} test steps", number)
    return counted("{number} test sample", "{number} test samples", number)


def _gain(verdict: Verdict) -> float:
    """Better is larger; what was not measured comes last."""
    if not math.isfinite(verdict.delta_mean):
        return -math.inf
    return verdict.delta_mean if verdict.higher_is_better else -verdict.delta_mean
