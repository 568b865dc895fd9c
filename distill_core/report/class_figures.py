"""Draws what is lost or gained on each class, and the staircases of what was compressed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean

from distill_core.charts.descent import Line, change, lines_of
from distill_core.charts.names import lineage_name, plain_name
from distill_core.charts.staircase_words import summary
from distill_core.charts.style import GREEN, ORANGE
from distill_core.charts.units import milliseconds, size, threads
from distill_core.charts.variants import Variant, variants
from distill_core.evaluation.metrics import METRICS, heading, primary_metric
from distill_core.evaluation.verdict import Verdict, t_interval
from distill_core.language import _
from distill_core.report.contents import colour_of
from distill_core.report.figure import Figure
from distill_core.report.rows_plot import Look, Panel, Spot, changes_chart, stairs_chart
from distill_core.report.sentences import LONGEST_NAME, conditions
from distill_core.rows import ExperimentView, RunRow

MOST_CLASSES, MOST_LINES = 20, 4


def class_changes(view: ExperimentView, best: Verdict | None) -> Figure | None:
    """On each class the best student against the teacher and against the same network alone; None without both."""
    if best is None or view.task == "regression" or not view.class_names:
        return None
    count = len(view.class_names)
    student, alone = (_by_seed(view, name, count) for name in (best.student, best.baseline))
    teacher = next((run for run in view.teachers if len(run.per_class) == count), None)
    if not student or not alone:
        return None
    rows = []
    for index, name in enumerate(view.class_names):
        against_alone = _change([
            (student[seed][index], alone[seed][index]) for seed in student.keys() & alone.keys()
        ])
        against_teacher = None if teacher is None else _change([
            (shares[index], teacher.per_class[index]) for shares in student.values()
        ])
        if against_alone is not None or against_teacher is not None:
            rows.append((plain_name(name, 24), against_teacher, against_alone))
    total = len(rows)
    if total > MOST_CLASSES:
        rows = sorted(rows, key=lambda row: min(spot.mean for spot in row[1:] if spot))[:MOST_CLASSES]
    with_teacher = any(row[1] for row in rows)
    title = _("What is lost on each class")
    looks = [Look(_("against the teacher"), "", "diamond"), Look(_("against the same network alone"), GREEN, "circle")]
    if not with_teacher:
        looks = looks[1:]
    x_title = _("“{student}”: share of the class recognised, difference in points").format(
        student=plain_name(best.student, 28)
    )
    picture = changes_chart(
        [(name, spots if with_teacher else spots[1:]) for name, *spots in rows], looks, x_title=x_title, title=title,
        description=_("For each class the difference of the student's share of recognised samples, with its interval."),
    )
    if not picture:
        return None
    reading = [_("Mean over seeds; bar: 95% interval of the seeds. Left of zero is lost.")]
    if total > MOST_CLASSES:
        reading.append(_("The {shown} of {total} classes that lost the most.").format(shown=MOST_CLASSES, total=total))
    header = (_("Class"), *(look.title for look in looks))
    table = tuple((name, *(_told(spot) for spot in (spots if with_teacher else spots[1:]))) for name, *spots in rows)
    return Figure("classes", title, picture, " ".join(reading), header, table)


def _by_seed(view: ExperimentView, name: str, count: int) -> Mapping[int, tuple[float, ...]]:
    return {
        run.seed: run.per_class for run in view.runs
        if run.name == name and run.role in ("student", "baseline") and len(run.per_class) == count
    }


def _change(pairs: Sequence[tuple[float, float]]) -> Spot | None:
    """In points; what was not measured on both sides does not count."""
    differences = [100 * (one - other) for one, other in pairs if math.isfinite(one) and math.isfinite(other)]
    return Spot(fmean(differences), t_interval(differences)) if differences else None


def _told(spot: Spot | None) -> str:
    if spot is None:
        return "–"
    if spot.interval is None:
        return f"{spot.mean:+.1f}"
    low, high = spot.interval
    return _("{mean} ({low} to {high})").format(mean=f"{spot.mean:+z.1f}", low=f"{low:+z.1f}", high=f"{high:+z.1f}")


def staircases(view: ExperimentView) -> list[Figure]:
    """One for each line of compressed networks, at most four."""
    found = conditions(view)
    looks = {run.run_id: variant for variant in variants(view.runs, "light") for run in variant.runs}
    return [
        figure for number, line in enumerate(lines_of(view.runs)[:MOST_LINES], start=1)
        if (figure := _staircase(line, number, looks, found)) is not None
    ]


def _staircase(
    line: Line, number: int, looks: Mapping[str, Variant], found: tuple[int, int] | None
) -> Figure | None:
    first: RunRow = line.root.first
    metric = METRICS[primary_metric(first.task)]
    batch, used = found or (1, 1)
    scores = [tread.score for tread in line.treads]
    files = [tread.file_bytes for tread in line.treads]
    rows = [tread.latency(batch=batch, threads=used) for tread in line.treads]
    p50 = [row.p50 if row else None for row in rows]
    changes = [None, *(change(before, after) for before, after in pairwise(line.treads))]
    shown = [
        "" if score is None else metric.value(score) + (f" ({metric.signed(one.mean)})" if one else "")
        for score, one in zip(scores, changes, strict=True)
    ]
    words = _("ONNX latency p50, batch {batch}, {threads}").format(batch=batch, threads=threads(used))
    title = _("Compression of “{name}”").format(name=lineage_name(line.root.name, 40))
    steps = [plain_name(lineage_name(tread.step, 48), 48) for tread in line.treads]
    if sum(score is not None for score in scores) < 2:
        # A line whose steps were all refused has no stairs; its end is told in the lineage.
        return None
    look = looks.get(first.run_id)
    picture = stairs_chart(
        steps,
        [
            Panel(heading(primary_metric(first.task), first.task), tuple(scores), tuple(shown), from_zero=False),
            Panel(_("ONNX file"), tuple(files), tuple("" if one is None else size(one) for one in files)),
            Panel(words, tuple(p50), tuple("" if one is None else milliseconds(one) for one in p50)),
        ],
        colour=colour_of(look) if look else ORANGE, title=title,
        description=_("Each step from left to right: {metric}, bytes of the file and latency after it.").format(
            metric=metric.title
        ),
    )
    if not picture:
        return None
    table = tuple(
        (step, score or "–", size(bytes_) if bytes_ is not None else "–", milliseconds(ms))
        for step, score, bytes_, ms in zip(steps, shown, files, p50, strict=True)
    )
    header = (_("Step"), heading(primary_metric(first.task), first.task), _("ONNX file"), words)
    reading = plain_name(summary(line, batch=batch, threads_used=used), 4 * LONGEST_NAME)
    return Figure(f"staircase-{number}", title, picture, reading, header, table)
