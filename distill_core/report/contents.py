"""Says what an experiment found, as plain texts and figures for one page: answer, rivals, limits, versions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from distill_core.charts.descent import latency_at
from distill_core.charts.names import lineage_name, plain_name
from distill_core.charts.style import THEMES
from distill_core.charts.tradeoff import latency_conditions
from distill_core.charts.units import amount, milliseconds, size, threads
from distill_core.charts.variants import Variant, spread, variants
from distill_core.evaluation.metrics import METRICS, metric_title, primary_metric
from distill_core.evaluation.verdict import Judgement, Verdict
from distill_core.report.plot import key_mark
from distill_core.rows import ExperimentView

LONGEST_NAME, LONGEST_SENTENCE = 72, 400
NOTHING = "–"
_ROLES = {"teacher": "teacher", "baseline": "alone", "student": "distilled", "compressed": "compressed"}


@dataclass(frozen=True)
class Told:
    """One verdict: its word, its sentence and why."""

    verdict: Judgement
    sentence: str
    because: str
    is_control: bool


@dataclass(frozen=True)
class Rival:
    """A row of the table, all of it text; `key` is how the charts draw it."""

    key: Markup
    name: str
    role: str
    seeds: int
    score: str
    parameters: str
    file_size: str
    p50: str
    p95: str


def answer(verdicts: Sequence[Verdict], view: ExperimentView) -> str:
    """What distillation did, in one sentence."""
    distilled = {run.name for run in view.runs if run.role == "student"}
    found = [verdict for verdict in verdicts if verdict.student in distilled and math.isfinite(verdict.delta_mean)]
    if not found:
        return "No distilled student has been judged against the same network trained alone."
    helped = [verdict for verdict in found if verdict.verdict == "helped"]
    best = max(helped or found, key=_gain)
    kind, name = best.kind, plain_name(best.student, LONGEST_NAME)
    figure = kind.value(best.student_mean) if kind.is_share else f"{kind.title} {kind.value(best.student_mean)}"
    delta = f"{kind.signed(best.delta_mean)} {kind.unit}".rstrip()
    rest = f"“{name}” reaches {figure}, {delta} against the same network trained alone"
    if best.ci_low is not None and best.ci_high is not None:
        interval = f"{kind.signed(best.ci_low)} to {kind.signed(best.ci_high)}"
        rest += f" ({best.confidence:.0%} interval {interval}, {_seeds(best.seeds)})"
    if helped:
        return f"Distillation helped: {rest}."
    if all(verdict.verdict == "did not help" for verdict in found):
        return f"Distillation did not help: {rest}."
    return f"It is not clear yet whether distillation helped: {rest}."


def told(verdicts: Sequence[Verdict], view: ExperimentView) -> list[Told]:
    """Every verdict, distilled students first, the largest gain before the others."""
    distilled = {run.name for run in view.runs if run.role == "student"}
    ordered = sorted(verdicts, key=lambda one: (one.student not in distilled, -_gain(one)))
    return [
        Told(
            one.verdict, plain_name(one.sentence(), LONGEST_SENTENCE), plain_name(one.because(), LONGEST_SENTENCE),
            one.student not in distilled,
        )
        for one in ordered
    ]


def rivals(view: ExperimentView) -> list[Rival]:
    """Every variant with the mean over its seeds; what was not measured is a dash."""
    batch, used = conditions(view) or (1, 1)
    metric = METRICS[primary_metric(view.task)]
    rows = []
    for variant in variants(view.runs, "light"):
        score = spread(run.score for run in variant.runs)
        latency = latency_at(variant.runs, batch=batch, threads=used)
        files = [run.onnx_size_bytes for run in variant.runs if run.onnx_size_bytes is not None]
        shown = NOTHING if score is None else metric.value(score.mean)
        if score is not None and score.sd is not None:
            shown += f" ± {score.sd * metric.factor:.{1 if metric.is_share else 3}f}"
        rows.append(Rival(
            key=key_mark(variant.symbol, colour_of(variant), dash=variant.dash), name=name_of(variant),
            role=_ROLES[variant.role], seeds=len(variant.runs), score=shown,
            parameters=f"{variant.first.parameters:,}", file_size=size(files[0] if files else None),
            p50=milliseconds(latency.p50 if latency else None), p95=milliseconds(latency.p95 if latency else None),
        ))
    return rows


def conditions(view: ExperimentView) -> tuple[int, int] | None:
    """Batch and threads of the latencies on the page: the smallest that were measured."""
    return next(iter(latency_conditions(view.runs)), None)


def latency_words(view: ExperimentView) -> str:
    """How the latencies of the table were measured, in a sentence."""
    found = conditions(view)
    row = latency_at(view.runs, batch=found[0], threads=found[1]) if found else None
    if row is None:
        return "No ONNX latency was measured."
    return (
        f"ONNX latency of one batch: batch {row.batch}, {threads(row.threads)}, {row.provider} on "
        f"{plain_name(row.machine, 120)}, {row.repeats:,} timed batches after a warm-up; p95: 95 of 100 were faster."
    )


def limits(view: ExperimentView, verdicts: Sequence[Verdict]) -> list[str]:
    """What the figures do not say, in sentences."""
    what = "steps" if view.task == "tagging" else "samples"
    tested = next((run.test_total for run in view.runs if run.test_total), None)
    on = f"{tested:,} test {what}" if tested else f"test {what}"
    title = metric_title(primary_metric(view.task), view.task)
    sentences = [
        f"The {title} is measured on {on} that chose nothing: not the epoch, not the settings. Other data give others.",
        "Latency holds for the machine and the conditions beside it; expect another elsewhere.",
    ]
    fewest = min((verdict.seeds for verdict in verdicts), default=0)
    if 0 < fewest < 3:
        sentences.append(f"{_seeds(fewest)} tell{'s' * (fewest == 1)} little; the verdict may change with more.")
    if len([verdict for verdict in verdicts if verdict.verdict == "helped"]) > 1:
        sentences.append("Several variants were judged at once; the intervals are not corrected for that.")
    withheld = ", ".join(plain_name(name) for name in view.spec.data.withheld_classes)
    if withheld:
        sentences.append(f"No student ever saw a sample of class {withheld}.")
    exported = [run for run in view.runs if run.same_class is not None and run.test_total]
    if exported and view.task != "regression":
        worst = min(exported, key=lambda run: (run.same_class or 0) / (run.test_total or 1))
        sentences.append(
            f"The exported files choose the same class as the trained networks for at least "
            f"{worst.same_class:,} of {worst.test_total:,} test {what}."
        )
    return sentences


def settings(view: ExperimentView) -> list[tuple[str, str]]:
    """What was compared with what, in a few lines; no path and no address of the machine."""
    spec = view.spec
    seen = dict.fromkeys(
        f"{'teacher' if run.role == 'teacher' else 'students'} from {plain_name(run.samples_seen, 160)}"
        for run in view.runs if run.samples_seen and run.role != "compressed"
    )
    return [
        ("Data", plain_name(spec.data.dataset.name)),
        ("Learned", "; ".join(seen) or NOTHING),
        ("Teacher", ", ".join(dict.fromkeys(plain_name(run.architecture) for run in view.teachers)) or NOTHING),
        ("Seeds", ", ".join(str(seed) for seed in spec.seeds)),
        ("Budget of a student", f"{spec.student_training.epochs:,} epochs, batch {spec.student_training.batch_size:,}"),
        ("Work of a student", f"{amount(_student_macs(view))} multiply-accumulates a sample"),
    ]


def versions(view: ExperimentView) -> list[tuple[str, str]]:
    """On what and with what it was made."""
    worker = view.worker
    if worker is None:
        return []
    device = plain_name(f"{worker.device_name} ({worker.device}), {threads(worker.threads)}", 120)
    found = sorted(worker.versions.items())
    return [("Device", device), *((plain_name(name), plain_name(version)) for name, version in found)]


def name_of(variant: Variant) -> str:
    """A variant's name as plain text: `Variant.name` is escaped already."""
    return lineage_name(variant.first.name, LONGEST_NAME)


def colour_of(variant: Variant) -> str:
    """Empty for ink, which is another colour in the dark."""
    return "" if variant.color == THEMES["light"].text else variant.color


def mean_curves(points: Iterable[Sequence[Any]], shown: Sequence[Variant]) -> list[tuple[tuple[float, float], ...]]:
    """For each variant its main figure by epoch, the mean over the seeds that reached it.

    `points` are those of Lab.live: (run id, epoch, training loss, figure, ...).
    """
    of_run = {run.run_id: number for number, variant in enumerate(shown) for run in variant.runs}
    by_epoch: list[dict[int, list[float]]] = [{} for _ in shown]
    for run_id, epoch, _, figure, *_ in points:
        if run_id in of_run and figure is not None and math.isfinite(figure):
            by_epoch[of_run[run_id]].setdefault(epoch, []).append(figure)
    return [
        _thinned(tuple((float(epoch), sum(found) / len(found)) for epoch, found in sorted(one.items())))
        for one in by_epoch
    ]


_MOST_POINTS = 200


def _thinned(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Evenly spaced ones of many, the last always among them."""
    stride = -(-len(points) // _MOST_POINTS) or 1
    kept = points[::stride]
    return kept if not points or kept[-1] == points[-1] else (*kept, points[-1])


def _student_macs(view: ExperimentView) -> float | None:
    return next((float(run.macs) for run in view.runs if run.role in ("student", "baseline") and run.macs), None)


def _gain(verdict: Verdict) -> float:
    """Better is larger; what was not measured comes last."""
    if not math.isfinite(verdict.delta_mean):
        return -math.inf
    return verdict.delta_mean if verdict.higher_is_better else -verdict.delta_mean


def _seeds(number: int) -> str:
    return f"{number} seed{'' if number == 1 else 's'}"
