"""Freezes an experiment into one HTML file: no script, no address outside it, the same page for good."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from distill_core.charts.descent import latency_at, mean_of
from distill_core.charts.names import plain_name
from distill_core.charts.units import threads
from distill_core.charts.variants import Variant, choose, spread
from distill_core.evaluation.metrics import METRICS, heading, metric_title, primary_metric
from distill_core.evaluation.verdict import Verdict
from distill_core.report import contents
from distill_core.report.plot import Gain, Series, chart, gains_chart
from distill_core.rows import ExperimentView

HERE = Path(__file__).parent


def freeze(
    view: ExperimentView, verdicts: Sequence[Verdict], points: Iterable[Sequence[Any]], *, at: float
) -> bytes:
    """The page as it is at `at` (seconds since the epoch). `points` are those of the live curves: see Lab.live."""
    shown, left_out = choose([run for run in view.runs if run.role != "compressed"], "light")
    metric = metric_title(primary_metric(view.task), view.task)
    page = _template("page.html.j2").render(
        policy=policy(), style=Markup(_style()), name=plain_name(view.row.name, 80),
        shows=plain_name(view.spec.shows, 600) if view.spec.shows else "",
        answer=contents.answer(verdicts, view), verdicts=contents.told(verdicts, view), metric=metric,
        rivals=contents.rivals(view), latency=contents.latency_words(view), charts=[
            found for found in (
                _gains(verdicts, view, shown), _curves(view, points, shown), _tradeoff(view, shown)
            ) if found[1]
        ],
        notes=left_out, limits=contents.limits(view, verdicts), settings=contents.settings(view),
        versions=contents.versions(view), at=when(at), ended=view.row.finished_at is not None,
    )
    return page.encode()


def notice(sentence: str) -> bytes:
    """A page with one sentence, in the same style: for a link that opens nothing."""
    return _template("notice.html.j2").render(policy=policy(), style=Markup(_style()), sentence=sentence).encode()


def policy() -> str:
    """The content security policy of such a page: its own style and nothing else, not even a script of its own."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def when(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%-d %B %Y, %H:%M} UTC"


@cache
def _style() -> str:
    return (HERE / "page.css").read_text(encoding="utf-8")


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(name)


Drawn = tuple[str, Markup, str]
"""Title, picture and how it is read."""


def _gains(verdicts: Sequence[Verdict], view: ExperimentView, shown: Sequence[Variant]) -> Drawn:
    colours = {variant.first.name: contents.colour_of(variant) for variant in shown}
    compared = [verdict for verdict in verdicts if verdict.differences]
    title = "Gain over the same network trained alone"
    if not compared:
        return title, Markup(""), ""
    kind = compared[0].kind
    rows = [
        Gain(
            f"{plain_name(one.student, 36)}: {one.verdict}",
            tuple(difference * kind.factor for _, difference in one.differences), one.delta_mean * kind.factor,
            _interval(one), colours.get(one.student, ""),
        )
        for one in compared
    ]
    named = heading(compared[0].metric, view.task)
    picture = gains_chart(
        rows, x_title=f"{named}, difference{f' in {kind.unit}' if kind.unit else ''}",
        little=compared[0].smallest_gain * kind.factor, alt="Each student's gain by seed, with its mean and interval",
    )
    return title, picture, (
        f"Rings: one seed each. Diamond and bar: mean and its {compared[0].confidence:.0%} interval. Grey: too little "
        "to matter."
    )


def _interval(verdict: Verdict) -> tuple[float, float] | None:
    """In the unit that is shown."""
    if verdict.ci_low is None or verdict.ci_high is None:
        return None
    return verdict.ci_low * verdict.kind.factor, verdict.ci_high * verdict.kind.factor


def _curves(view: ExperimentView, points: Iterable[Sequence[Any]], shown: Sequence[Variant]) -> Drawn:
    metric = METRICS[primary_metric(view.task)]
    title = f"Validation {metric_title(primary_metric(view.task), view.task)} by epoch"
    series = [
        Series(
            contents.name_of(variant), tuple((epoch, figure * metric.factor) for epoch, figure in curve),
            contents.colour_of(variant), dash=variant.dash, joined=True,
        )
        for variant, curve in zip(shown, contents.mean_curves(points, shown), strict=True) if curve
    ]
    y_title = f"{heading(primary_metric(view.task), view.task)}{' %' if metric.is_share else ''}"
    picture = chart(series, x_title="Epoch", y_title=y_title, alt=f"{title}, a line for each network")
    return title, picture, "Mean over the seeds that reached each epoch."


def _tradeoff(view: ExperimentView, shown: Sequence[Variant]) -> Drawn:
    """Against latency where it was measured, else against parameters."""
    metric, found = METRICS[primary_metric(view.task)], contents.conditions(view)
    series = []
    for variant in shown:
        score = spread(run.score for run in variant.runs)
        latency = latency_at(variant.runs, batch=found[0], threads=found[1]) if found else None
        cost = mean_of(run.parameters for run in variant.runs) if found is None else latency and latency.p50
        if score is None or not cost:
            continue
        mean, sd = score.mean * metric.factor, (score.sd or 0.0) * metric.factor
        series.append(Series(
            contents.name_of(variant), ((float(cost), mean),), contents.colour_of(variant), symbol=variant.symbol,
            bars=((mean - sd, mean + sd),),
        ))
    costs = [one.points[0][0] for one in series]
    named = heading(primary_metric(view.task), view.task)
    words = f"ONNX latency p50, ms (batch {found[0]}, {threads(found[1])})" if found else "Parameters"
    picture = chart(
        series, x_title=words, y_title=f"Test {named[:1].lower()}{named[1:]}{' %' if metric.is_share else ''}",
        alt=f"{named} against {words}", logarithmic_x=bool(costs) and max(costs) > 10 * min(costs) > 0,
    )
    left_out = len(shown) - len(series)
    without = f" {left_out} without a measurement left out." if left_out else ""
    return "What it costs", picture, f"Up and left is better. Bars: one standard deviation over seeds.{without}"
