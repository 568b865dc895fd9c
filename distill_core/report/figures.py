"""Draws the charts that every report has: what it costs, the gain by seed, the curves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from distill_core.charts.descent import latency_at, mean_of
from distill_core.charts.names import plain_name
from distill_core.charts.style import MOST_SERIES
from distill_core.charts.units import amount, milliseconds, threads
from distill_core.charts.variants import Variant, spread
from distill_core.evaluation.metrics import METRICS, heading, metric_title, primary_metric
from distill_core.evaluation.verdict import Verdict
from distill_core.language import _, counted
from distill_core.report.contents import colour_of, mean_curves, name_of
from distill_core.report.figure import Figure
from distill_core.report.plot import Gain, Series, chart, gains_chart
from distill_core.report.sentences import conditions
from distill_core.rows import ExperimentView

# A table of every epoch would be longer than all the rest.
_MOST_EPOCHS = 12


def tradeoff(view: ExperimentView, shown: Sequence[Variant]) -> Figure:
    """Against latency where it was measured, else against parameters."""
    metric, found = METRICS[primary_metric(view.task)], conditions(view)
    series, rows = [], []
    for variant in shown:
        score = spread(run.score for run in variant.runs)
        latency = latency_at(variant.runs, batch=found[0], threads=found[1]) if found else None
        cost = mean_of(run.parameters for run in variant.runs) if found is None else latency and latency.p50
        if score is None or not cost:
            continue
        mean, sd = score.mean * metric.factor, (score.sd or 0.0) * metric.factor
        series.append(Series(
            name_of(variant), ((float(cost), mean),), colour_of(variant), symbol=variant.symbol,
            bars=((mean - sd, mean + sd),),
        ))
        rows.append((
            name_of(variant), amount(cost) if found is None else milliseconds(float(cost)), metric.value(score.mean)
        ))
    costs = [one.points[0][0] for one in series]
    words = _("Parameters")
    if found:
        words = _("ONNX latency p50, ms (batch {batch}, {threads})").format(batch=found[0], threads=threads(found[1]))
    reading = [_("Up and left is better. Bars: one standard deviation over seeds.")]
    if left_out := len(shown) - len(series):
        reading.append(counted(
            "{number} without a measurement left out.", "{number} without a measurement left out.", left_out
        ))
    title, up = _("What it costs"), _test_axis(view)
    picture = chart(
        series, x_title=words, y_title=up, title=title,
        description=_("{vertical} against {horizontal}, one mark a network.").format(vertical=up, horizontal=words),
        logarithmic_x=bool(costs) and max(costs) > 10 * min(costs) > 0,
    )
    return Figure("trade-off", title, picture, " ".join(reading), (_("Network"), words, up), tuple(rows))


def gains(view: ExperimentView, verdicts: Sequence[Verdict], shown: Sequence[Variant]) -> Figure:
    """A row each student: every seed's difference, their mean and interval."""
    colours = {variant.first.name: colour_of(variant) for variant in shown}
    every = [verdict for verdict in verdicts if verdict.differences]
    # Of many the picture has those of the other charts, and the table all.
    compared = every if len(every) <= MOST_SERIES else [one for one in every if one.student in colours]
    title = _("Gain over the same network trained alone")
    kind = METRICS[primary_metric(view.task)]
    measure = heading(primary_metric(view.task), view.task)
    x_title = _("{measure}, difference").format(measure=measure)
    if kind.unit:
        x_title = _("{measure}, difference in {unit}").format(measure=measure, unit=kind.unit)
    picture = gains_chart(
        [
            Gain(
                _("{student}: {verdict}").format(student=plain_name(one.student, 36), verdict=_(one.verdict)),
                tuple(difference * kind.factor for _seed, difference in one.differences), one.delta_mean * kind.factor,
                _interval(one), colours.get(one.student, ""),
            )
            for one in compared
        ],
        x_title=x_title, little=(compared[0].smallest_gain if compared else 0.0) * kind.factor, title=title,
        description=_("Each student's difference by seed, with its mean and interval; grey is too little to matter."),
    )
    reading = _(
        "Rings: one seed each. Diamond and bar: mean and its {confidence} interval. Grey: too little to matter."
    ).format(confidence=f"{compared[0].confidence:.0%}" if compared else "")
    if left_out := len(every) - len(compared):
        reading += " " + counted(
            "{number} more student stands in the table below.", "{number} more students stand in the table below.",
            left_out,
        )
    rows = tuple(
        (
            plain_name(one.student, 36), " ".join(kind.signed(difference) for _seed, difference in one.differences),
            kind.signed(one.delta_mean),
            "–" if one.ci_low is None or one.ci_high is None else _("{low} to {high}").format(
                low=kind.signed(one.ci_low), high=kind.signed(one.ci_high)
            ),
            _(one.verdict),
        )
        for one in every
    )
    return Figure(
        "gains", title, picture, reading, (_("Student"), _("By seed"), _("Mean"), _("Interval"), _("Verdict")), rows
    )


def curves(view: ExperimentView, points: Iterable[Sequence[Any]], shown: Sequence[Variant]) -> Figure:
    """The main figure on the validation data by epoch, a line each network."""
    metric, name = METRICS[primary_metric(view.task)], metric_title(primary_metric(view.task), view.task)
    title = _("Validation {metric} by epoch").format(metric=name)
    found = [
        (variant, curve) for variant, curve in zip(shown, mean_curves(points, shown), strict=True) if curve
    ]
    picture = chart(
        [
            Series(
                name_of(variant), tuple((epoch, figure * metric.factor) for epoch, figure in curve), colour_of(variant),
                dash=variant.dash, joined=True,
            )
            for variant, curve in found
        ],
        x_title=_("Epoch"), y_title=_with_percent(heading(primary_metric(view.task), view.task), view), title=title,
        description=_("{title}, a line for each network.").format(title=title),
    )
    epochs = sorted({epoch for _variant, curve in found for epoch, _figure in curve})
    kept = epochs[:: -(-len(epochs) // _MOST_EPOCHS) or 1]
    kept += epochs[-1:] if epochs and kept[-1] != epochs[-1] else []
    by_epoch = [dict(curve) for _variant, curve in found]
    rows = tuple(
        (f"{epoch:g}", *("–" if epoch not in one else metric.value(one[epoch]) for one in by_epoch)) for epoch in kept
    )
    return Figure(
        "curves", title, picture, _("Mean over the seeds that reached each epoch."),
        (_("Epoch"), *(name_of(variant) for variant, _curve in found)), rows,
    )


def _test_axis(view: ExperimentView) -> str:
    name = metric_title(primary_metric(view.task), view.task)
    return _with_percent(_("Test {metric}").format(metric=name), view)


def _with_percent(title: str, view: ExperimentView) -> str:
    return f"{title} %" if METRICS[primary_metric(view.task)].is_share else title


def _interval(verdict: Verdict) -> tuple[float, float] | None:
    """In the unit that is shown."""
    if verdict.ci_low is None or verdict.ci_high is None:
        return None
    return verdict.ci_low * verdict.kind.factor, verdict.ci_high * verdict.kind.factor
