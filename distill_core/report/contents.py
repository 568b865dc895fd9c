"""The facts of an experiment as texts of a table: its networks, their lineage, the settings and the versions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from distill_core.charts.descent import latency_at
from distill_core.charts.names import lineage_name, plain_name, step_name
from distill_core.charts.style import THEMES
from distill_core.charts.units import amount, milliseconds, size, threads
from distill_core.charts.variants import Variant, spread, variants
from distill_core.evaluation.metrics import METRICS, primary_metric
from distill_core.events import Role
from distill_core.language import _, counted, marked, told
from distill_core.report.plot import key_mark
from distill_core.report.sentences import LONGEST_NAME, conditions
from distill_core.rows import ExperimentView, RunRow

NOTHING = "–"
ROLES: dict[Role, str] = {
    "teacher": marked("teacher"), "baseline": marked("alone"), "student": marked("distilled"),
    "compressed": marked("compressed"),
}


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


@dataclass(frozen=True)
class Origin:
    """Where one network comes from: whom it learnt from or was made of, and whether it was trained here."""

    name: str
    made: str
    where: str


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
            role=_(ROLES[variant.role]), seeds=len(variant.runs), score=shown,
            parameters=f"{variant.first.parameters:,}", file_size=size(files[0] if files else None),
            p50=milliseconds(latency.p50 if latency else None), p95=milliseconds(latency.p95 if latency else None),
        ))
    return rows


def lineage(view: ExperimentView) -> list[Origin]:
    """For every network whom it learnt from, what it was made of, and which earlier experiment already had it."""
    teachers = ", ".join(dict.fromkeys(f"“{plain_name(run.name)}”" for run in view.teachers)) or NOTHING
    by_id = {run.run_id: run for run in view.runs}
    return [
        Origin(name_of(variant), _made(variant, by_id, teachers, view), _where(variant.runs))
        for variant in variants(view.runs, "light")
    ]


def _made(variant: Variant, by_id: dict[str, RunRow], teachers: str, view: ExperimentView) -> str:
    first = variant.first
    if variant.role == "compressed":
        parent = by_id.get(first.parent)
        above = lineage_name(parent.name, LONGEST_NAME) if parent else first.parent
        return _("made of “{parent}” by {step}").format(
            parent=above, step=plain_name(step_name(first.name, parent.name if parent else ""), LONGEST_NAME)
        )
    network = plain_name(first.architecture)
    if variant.role == "student":
        begun = next((student.start for student in view.spec.students if student.name == first.name), "random")
        if begun == "teacher":
            return _("{network}, learnt from {teachers} and began with its weights").format(
                network=network, teachers=teachers
            )
        return _("{network}, learnt from {teachers}").format(network=network, teachers=teachers)
    return _("{network}, learnt from labels").format(network=network)


def _where(runs: Sequence[RunRow]) -> str:
    if all(run.state == "refused" for run in runs):
        return _("could not be made")
    sources = sorted({run.reused_from for run in runs if run.reused_from})
    if not sources:
        return _("made in this experiment")
    reused = sum(bool(run.reused_from) for run in runs)
    if reused == len(runs):
        return _("reused from {experiments}").format(experiments=", ".join(sources))
    return _("{reused} of {total} seeds reused from {experiments}").format(
        reused=reused, total=len(runs), experiments=", ".join(sources)
    )


def settings(view: ExperimentView) -> list[tuple[str, str]]:
    """What was compared with what, in a few lines; no path and no address of the machine."""
    spec = view.spec
    seen: dict[str, None] = {}
    for run in view.runs:
        if run.samples_seen and run.role != "compressed":
            whose = _("teacher from {samples}") if run.role == "teacher" else _("students from {samples}")
            seen[whose.format(samples=plain_name(told(run.samples_seen), 160))] = None
    budget = _("{epochs}, batch {batch}").format(
        epochs=counted("{number} epoch", "{number} epochs", spec.student_training.epochs),
        batch=f"{spec.student_training.batch_size:,}",
    )
    return [
        (_("Data"), plain_name(spec.data.dataset.name)),
        (_("Learned"), "; ".join(seen) or NOTHING),
        (_("Teacher"), ", ".join(dict.fromkeys(plain_name(run.architecture) for run in view.teachers)) or NOTHING),
        (_("Seeds"), ", ".join(str(seed) for seed in spec.seeds)),
        (_("Budget of a student"), budget),
        (_("Work of a student"), _("{macs} multiply-accumulates a sample").format(macs=amount(_student_macs(view)))),
    ]


def versions(view: ExperimentView) -> list[tuple[str, str]]:
    """On what and with what it was made."""
    worker = view.worker
    if worker is None:
        return []
    device = plain_name(f"{worker.device_name} ({worker.device}), {threads(worker.threads)}", 120)
    found = sorted(worker.versions.items())
    return [(_("Device"), device), *((plain_name(name), plain_name(version)) for name, version in found)]


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
    by_epoch: list[dict[int, list[float]]] = [{} for _variant in shown]
    for run_id, epoch, _loss, figure, *_others in points:
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
