"""The chart that decides: accuracy, or R², against what a network costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from distill_core.charts.family import Cost, Family, Limits, Member, family_of, pareto, passing
from distill_core.charts.names import JOINT, display_name, lineage_name, plain_name
from distill_core.charts.style import THEMES, Theme, add_caption, apply_style, empty_figure, hover
from distill_core.charts.units import threads as threads_words
from distill_core.evaluation.metrics import METRICS, Metric, metric_title, primary_metric
from distill_core.language import _, counted
from distill_core.rows import RunRow

_LARGEST_DOT_PX, _SMALLEST_DOT_PX = 34.0, 12.0
# Children crowd around their parents: smaller dots leave the lines between them to be seen.
_LARGEST_CHILD_PX, _SMALLEST_CHILD_PX = 26.0, 13.0
_DIMMED, _MOST_APART = 0.25, 4
_MARKS = ("triangle-left", "triangle-right", "hourglass", "bowtie", "star-triangle-up", "star-square")


@dataclass(frozen=True)
class _Dot:
    member: Member
    cost: float
    place: float
    """The cost, moved a little where several have the same."""
    passes: bool


def tradeoff(
    runs: Sequence[RunRow], *, x: Cost, theme: Theme, batch: int = 1, threads: int = 1, limits: Limits | None = None,
    step_titles: Mapping[str, str] | None = None,
) -> go.Figure:
    """Accuracy in percent, of a regression R², against latency, file size, MACs or parameters, for runs of one task.

    One dot a variant, its area by its parameters: the mean over seeds with one standard deviation either way. What was
    made of a network has its colour and a mark for the last step, named by `step_titles`; a thin line joins both. The
    stepped line is the Pareto edge. What does not keep to the `limits` is dimmed. Latency is the p50 with a whisker to
    the p95, at exactly the given batch and threads; variants without it are left out and counted under the chart. The
    cost axis is logarithmic where the range exceeds tenfold. Raises ValueError for runs of different tasks.
    """
    tasks = list(dict.fromkeys(run.task for run in runs))
    if len(tasks) > 1:
        raise ValueError(f"runs of a {' and a '.join(tasks)} cannot share an axis")
    task = tasks[0] if tasks else "classification"
    main = primary_metric(task)
    metric = METRICS[main]
    family = family_of(runs, theme=theme, batch=batch, threads_used=threads)
    dots = _dots(family, x, passing(family, limits or Limits(), metric=main))
    conditions = _("batch {batch}, {threads}").format(batch=batch, threads=threads_words(threads))
    if not dots:
        missing = _("No ONNX latency at {conditions} yet.").format(conditions=conditions)
        missing = missing if family.members else _("No run has been tested yet.")
        return empty_figure(missing, theme)
    fig = go.Figure()
    costs = [dot.cost for dot in dots]
    logarithmic, factor = _is_logarithmic(costs), _unit(x, dots)[1]
    _add_edge(fig, dots, metric, factor=factor, theme=theme)
    _add_descent(fig, family, dots, metric, factor=factor)
    largest = max(dot.member.parameters for dot in dots)
    marks = _marks(dots)
    for dot in dots:
        _add_dot(fig, dot, metric, largest=largest, factor=factor, theme=theme, marks=marks, x=x)
    for step, symbol in marks.items():
        title = display_name((step_titles or {}).get(step, step))
        fig.add_scatter(
            x=[None], y=[None], mode="markers", name=title, hoverinfo="skip",
            marker={"symbol": symbol, "size": 11, "color": THEMES[theme].muted},
        )
    _cost_axis(fig, x, dots, conditions=conditions, logarithmic=logarithmic)
    score_title = _("Test {metric}").format(metric=metric_title(main, task))
    fig.update_yaxes(title_text=score_title, ticksuffix="%" if metric.is_share else "")
    # On a phone the legend has a line an entry; the plot keeps its room.
    entries = sum(not dot.member.is_child for dot in dots) + len(marks) + 1
    fig.update_layout(height=max(400, 290 + 28 * entries), legend_itemsizing="constant")
    left_out = _left_out(len(family.members) - len(dots), conditions)
    moved = any(dot.place != dot.cost for dot in dots)
    add_caption(fig, _reading_notes(dots, x, moved=moved, limits=limits) + left_out + list(family.notes))
    return apply_style(fig, theme)


def latency_conditions(runs: Iterable[RunRow]) -> list[tuple[int, int]]:
    """All (batch, threads) at which any of the runs was measured, smallest first: what a page can offer."""
    return sorted({(row.batch, row.threads) for run in runs for row in run.latency})


def _dots(family: Family, x: Cost, fitting: Sequence[Member]) -> list[_Dot]:
    costed = [(member, cost) for member in family.members if (cost := member.costs[x]) is not None]
    costs = [cost for _, cost in costed]
    places = _side_by_side(costs, logarithmic=_is_logarithmic(costs)) if costs else []
    return [
        _Dot(member, cost, place, member in fitting)
        for (member, cost), place in zip(costed, places, strict=True)
    ]


def _is_logarithmic(costs: Sequence[float]) -> bool:
    return max(costs) > 10 * min(costs) > 0


def _marks(dots: Sequence[_Dot]) -> dict[str, str]:
    """A symbol for each kind of step that made a shown network."""
    steps = dict.fromkeys(dot.member.variant.first.compression_step for dot in dots if dot.member.is_child)
    return {step: _MARKS[number % len(_MARKS)] for number, step in enumerate(steps)}


def _side_by_side(costs: Sequence[float], *, logarithmic: bool) -> list[float]:
    """Where to draw the dots: equal costs (variants of one network) stand a little apart instead of on each other."""
    high = math.log10(max(costs)) if logarithmic else max(costs)
    step = 0.022 * (high - (math.log10(min(costs)) if logarithmic else 0.0))
    places = []
    for number, cost in enumerate(costs):
        many = costs.count(cost)
        # Many of one cost stand closer, or the outer ones would seem to cost something else.
        closer = min(1.0, _MOST_APART / many)
        offset = step * closer * (costs[:number].count(cost) - (many - 1) / 2)
        places.append(cost if not offset else cost * 10**offset if logarithmic else cost + offset)
    return places


def _unit(x: Cost, dots: Sequence[_Dot]) -> tuple[str, float]:
    """The cost's unit and its factor, chosen for the largest."""
    largest = max(dot.cost for dot in dots)
    if x == "latency":
        return "ms", 1.0
    if x == "size":
        return ("MB", 1e-6) if largest >= 1e6 else ("kB", 1e-3)
    steps = [(1e9, _("billions"), 1e-9), (1e6, _("millions"), 1e-6), (1e3, _("thousands"), 1e-3)]
    return next(((name, factor) for least, name, factor in steps if largest >= least), ("", 1.0))


def _cost_axis(fig: go.Figure, x: Cost, dots: Sequence[_Dot], *, conditions: str, logarithmic: bool) -> None:
    unit, factor = _unit(x, dots)
    title = {
        "latency": _("ONNX latency p50"), "size": _("Size of the file"), "macs": _("Multiply-accumulates a sample"),
        "parameters": _("Parameters"),
    }[x]
    title = ", ".join(filter(None, [title, unit])) + (f" ({conditions})" if x == "latency" else "")
    fig.update_xaxes(title_text=title, showgrid=True)
    if not logarithmic:
        fig.update_xaxes(rangemode="tozero")
        return
    low, high = (math.log10(bound(dot.cost * factor for dot in dots)) for bound in (min, max))
    margin = 0.12 * (high - low)
    fig.update_xaxes(type="log", range=[low - margin, high + margin], **log_ticks(low - margin, high + margin))


def log_ticks(low: float, high: float) -> dict[str, list[float] | list[str]]:
    """Ticks at 1, 2 and 5 of each decade, fewer where many decades would crowd a phone."""
    steps = (1, 2, 5) if high - low < 2.2 else (1,)
    values = [step * 10.0**decade for decade in range(math.floor(low), math.ceil(high) + 1) for step in steps]
    return {"tickvals": values, "ticktext": [f"{value:,.12g}" for value in values]}


def _add_edge(fig: go.Figure, dots: Sequence[_Dot], metric: Metric, *, factor: float, theme: Theme) -> None:
    """The Pareto edge: on it nothing is better without costing more. One network alone has none."""
    edge = pareto((dot.cost, dot.member.score.mean) for dot in dots)
    if len(dots) < 2:
        return
    last = max(dot.cost for dot in dots)
    points = [*edge, (last, edge[-1][1])] if last > edge[-1][0] else edge
    fig.add_scatter(
        x=[cost * factor for cost, _ in points], y=[score * metric.factor for _, score in points], mode="lines",
        line={"color": THEMES[theme].muted, "width": 1.5, "shape": "hv", "dash": "dot"}, name=_("Pareto edge"),
        hoverinfo="skip",
    )


def _add_descent(
    fig: go.Figure, family: Family, dots: Sequence[_Dot], metric: Metric, *, factor: float
) -> None:
    by_group = {dot.member.variant.group: dot for dot in dots}
    for group, parent in family.parents.items():
        one, other = by_group.get(parent), by_group.get(group)
        if one is None or other is None:
            continue
        fig.add_scatter(
            x=[one.place * factor, other.place * factor],
            y=[one.member.score.mean * metric.factor, other.member.score.mean * metric.factor], mode="lines",
            line={"color": other.member.variant.color, "width": 1}, hoverinfo="skip", showlegend=False,
            opacity=0.5 if other.passes else _DIMMED,
        )


def _add_dot(
    fig: go.Figure, dot: _Dot, metric: Metric, *, largest: float, factor: float, theme: Theme, marks: Mapping[str, str],
    x: Cost,
) -> None:
    member, variant, score, row = dot.member, dot.member.variant, dot.member.score, dot.member.latency
    first, child = variant.first, dot.member.is_child
    share = member.parameters / largest if largest else 1.0
    deviation = f" ± {metric.signed(score.sd).lstrip('+')}" if score.sd else ""
    lines = [(metric.title, f"{metric.value(score.mean)}{deviation}")]
    lines += [(_("seeds"), f"{score.seeds}"), (_("parameters"), f"{member.parameters:,.0f}")]
    lines += [("MACs", f"{member.costs['macs'] or 0:,.0f}")]
    size_title = _("weights") if first.onnx_size_bytes is None else _("file")
    lines += [(size_title, f"{(member.costs['size'] or 0) / 1000:,.1f} kB")]
    lines += [(_("network"), display_name(first.architecture))]
    if row is not None:
        lines += [
            ("p50", f"{row.p50:.3g} ms"), ("p95", f"{row.p95:.3g} ms"), (_("batch"), f"{row.batch}"),
            (_("threads"), f"{row.threads}"), (_("provider"), display_name(row.provider)),
            (_("machine"), display_name(row.machine)),
        ]
    whisker = {"type": "data", "color": variant.color, "thickness": 1.0 if child else 1.5, "width": 4}
    above = (row.p95 - row.p50) * factor if x == "latency" and row is not None and not child else 0.0
    to_p95 = {**whisker, "array": [above], "arrayminus": [0.0], "symmetric": False, "thickness": 1}
    most, least = (_LARGEST_CHILD_PX, _SMALLEST_CHILD_PX) if child else (_LARGEST_DOT_PX, _SMALLEST_DOT_PX)
    heading = _heading(lineage_name(first.name, 120)) if child else "%{fullData.name}"
    fig.add_scatter(
        x=[dot.place * factor], y=[score.mean * metric.factor], mode="markers",
        name=variant.name, legendgroup=variant.group, showlegend=not child, opacity=1.0 if dot.passes else _DIMMED,
        error_y={**whisker, "array": [score.sd * metric.factor]} if score.sd else None,
        error_x=to_p95 if above else None,
        marker={
            "color": variant.color, "symbol": marks[first.compression_step] if child else variant.symbol,
            "line": {"width": 1, "color": THEMES[theme].background}, "size": max(most * math.sqrt(share), least),
        },
        hovertemplate=hover(lines, heading=heading),
    )


def _heading(name: str) -> str:
    """A lineage, a step a line."""
    return f"<br>{JOINT.lstrip()}".join(display_name(part) for part in name.split(JOINT))


def _reading_notes(dots: Sequence[_Dot], x: Cost, *, moved: bool, limits: Limits | None) -> list[str]:
    notes = [_("Dot area: parameters.")]
    children = any(dot.member.is_child for dot in dots)
    if children:
        notes.append(_("What was made of a network has its colour and a line to it; its mark tells the last step."))
    if len(dots) > 1:
        notes.append(_("Dotted: the Pareto edge, on which nothing is better without costing more."))
    if limits and not all(dot.passes for dot in dots):
        notes.append(_("Pale: does not keep to the limits."))
    if moved:
        notes.append(_("Equal costs stand side by side."))
    if any(dot.member.score.sd for dot in dots):
        notes.append(_("Bars up and down: one standard deviation over seeds."))
    if x == "size" and any(dot.member.variant.first.onnx_size_bytes is None for dot in dots):
        notes.append(_("Of networks without an ONNX file the size of the weights is shown."))
    rows = [dot.member.latency for dot in dots if dot.member.latency is not None]
    if x == "latency":
        notes.append(
            _("Whisker to the right of trained networks: p95.") if children else _("Whisker to the right: p95.")
        )
        places = {(row.machine, row.provider) for row in rows}
        if len(places) > 1:
            notes.append(_("Measured on different machines or providers: compare latencies with care."))
        else:
            machine, provider = places.pop()
            notes.append(_("Measured on {machine}, {provider}.").format(
                machine=plain_name(machine, 80), provider=plain_name(provider)
            ))
    return notes


def _left_out(count: int, conditions: str) -> list[str]:
    if not count:
        return []
    variants = counted("{number} variant is left out", "{number} variants are left out", count)
    return [_("{variants}: no ONNX latency at {conditions}.").format(variants=variants, conditions=conditions)]
