"""The staircase: accuracy, file size, MACs and latency after each compression step, the loss written on each tread."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from distill_core.charts.descent import Change, Line, Tread, change
from distill_core.charts.names import display_name, lineage_name, plain_name
from distill_core.charts.style import BLUE, THEMES, Theme, add_caption, apply_style, empty_figure, faint, hover
from distill_core.charts.units import amount, milliseconds, size, threads
from distill_core.charts.variants import variants
from distill_core.evaluation.metrics import METRICS, heading, primary_metric
from distill_core.language import _, counted, told
from distill_core.rows import RunRow

_PANEL_PX, _FEW_STEPS, _STEP_WIDTH = 120, 5, 13
# Losses are what a reader looks for: their panel is as high as two others.
_SCORE_PANELS = 2.0
_SAME = "same"
# Of the height of a panel's figures: room for two lines of text above the highest tread.
_ROOM_ABOVE, _ROOM_ABOVE_SCORE = 0.75, 0.38


@dataclass(frozen=True)
class _Panel:
    title: str
    values: list[float | None]
    shown: list[str]
    changes: list[str]
    details: list[str]


def staircase(
    line: Line, *, theme: Theme, teacher: Sequence[RunRow] = (), alone: Sequence[RunRow] = (), batch: int = 1,
    threads_used: int = 1,
) -> go.Figure:
    """One panel a figure, the steps from left to right in all of them; figures are means over the line's seeds.

    `teacher` and `alone` are drawn as levels of the accuracy, or R². Changes are from step to step, of the score
    paired by seed with half its 95% interval. A panel that has no figure is left out.
    """
    treads = line.treads
    main = _score_panel(line)
    if all(value is None for value in main.values):
        return empty_figure(_("No run of this line has been tested yet."), theme)
    conditions = _("batch {batch}, {threads}").format(batch=batch, threads=threads(threads_used))
    files, macs = [tread.file_bytes for tread in treads], [tread.macs for tread in treads]
    rows = [tread.latency(batch=batch, threads=threads_used) for tread in treads]
    p50 = [row.p50 if row else None for row in rows]
    panels = [main] + [
        _cost_panel(title, values, words) for title, values, words in (
            (_("ONNX file"), files, size),
            (_("Multiply-accumulates (MACs) a sample"), macs, amount),
            (_("ONNX latency p50, {conditions}").format(conditions=conditions), p50, milliseconds),
        ) if any(value is not None for value in values)
    ]
    height = int(_PANEL_PX * (_SCORE_PANELS + len(panels) - 1)) + 110
    fig = make_subplots(
        rows=len(panels), cols=1, shared_xaxes=True, vertical_spacing=36 / height,
        row_heights=[_SCORE_PANELS, *[1.0] * (len(panels) - 1)],
    )
    colour = next((one.color for one in variants(line.root.runs, theme)), BLUE)
    for number, panel in enumerate(panels, start=1):
        _add_panel(fig, panel, treads, number, colour=colour, theme=theme)
    levels = [
        level for name, runs in (("teacher", teacher), ("alone", alone))
        if (level := _add_level(fig, name, runs, len(treads), theme=theme)) is not None
    ]
    _fit(fig, panels, levels)
    _name_steps(fig, treads, len(panels))
    fig.update_layout(height=height, showlegend=bool(levels))
    add_caption(fig, _notes(line, rows_missing=any(p50) and None in p50))
    apply_style(fig, theme)
    # The template's placement is for a plot that begins at the top; here a panel's title stands there.
    fig.update_layout(legend={"y": 1 + 26 / height, "yanchor": "bottom"})
    return fig


def _score_panel(line: Line) -> _Panel:
    first = line.root.first
    metric = METRICS[primary_metric(first.task)]
    scores = [tread.score for tread in line.treads]
    changes: list[Change | None] = [None]
    changes += [change(before, after) for before, after in pairwise(line.treads)]
    details = []
    for one in changes:
        if one is None:
            details.append("")
            continue
        mean = metric.difference(one.mean)
        if one.low is None or one.high is None:
            details.append(_("{mean} (one seed)").format(mean=mean))
        else:
            details.append(_("{mean} (95% CI {low} to {high}, {seeds})").format(
                mean=mean, low=metric.signed(one.low), high=metric.signed(one.high),
                seeds=counted("{number} seed", "{number} seeds", one.seeds),
            ))
    return _Panel(
        title=heading(primary_metric(first.task), first.task),
        values=[None if score is None else score * metric.factor for score in scores],
        shown=["" if score is None else metric.value(score) for score in scores],
        changes=["" if one is None else _with_interval(one, metric.signed) for one in changes], details=details,
    )


def _with_interval(found: Change, signed: Callable[[float], str]) -> str:
    half = "" if found.low is None else f" ±{signed(found.mean - found.low).lstrip('+-')}"
    return f"{signed(found.mean)}{half}".replace("-", "−")


def _cost_panel(title: str, values: list[float | None], words: Callable[[float | None], str]) -> _Panel:
    changes = [""]
    for before, after in pairwise(values):
        changes.append("" if before is None or after is None or not before else _share(after / before - 1))
    return _Panel(title, values, ["" if value is None else words(value) for value in values], changes, changes)


def _share(share: float) -> str:
    """A change of a cost in percent of what it was."""
    percent = round(100 * share)
    return _SAME if not percent else f"{percent:+d}%".replace("-", "−")


def _add_panel(
    fig: go.Figure, panel: _Panel, treads: Sequence[Tread], number: int, *, colour: str, theme: Theme
) -> None:
    """The stairs, each tread as wide as the others, and what is written on them."""
    last = len(treads) - 1
    x = [-0.5, *range(last + 1), last + 0.5]
    y = [panel.values[0], *panel.values, panel.values[-1]]
    first = number == 1
    fig.add_scatter(
        x=x, y=y, mode="lines", line={"color": colour, "width": 2.5, "shape": "hvh"}, hoverinfo="skip",
        showlegend=False, row=number, col=1,
        **({} if first else {"fill": "tozeroy", "fillcolor": faint(colour, 0.10) if colour[0] == "#" else None}),
    )
    details = [
        [display_name(tread.step), shown, detail or "–"]
        for tread, shown, detail in zip(treads, panel.shown, panel.details, strict=True)
    ]
    lines = [(panel.title.split(",")[0], "%{customdata[1]}"), ("change", "%{customdata[2]}")]
    fig.add_scatter(
        x=list(range(last + 1)), y=panel.values, mode="markers", marker={"color": colour, "size": 7},
        showlegend=False, customdata=details, hovertemplate=hover(lines, heading="%{customdata[0]}"), row=number, col=1,
    )
    axis = "y" if first else f"y{number}"
    for place, (value, shown, changed) in enumerate(zip(panel.values, panel.shown, panel.changes, strict=True)):
        if value is not None:
            # On the page's own colour, or the levels would strike it through.
            fig.add_annotation(
                text=changed if changed == _SAME else f"<b>{shown}</b>" + (f"<br>{changed}" if changed else ""),
                xref="x" if first else f"x{number}", yref=axis, x=place, y=value, yanchor="bottom", yshift=6,
                font={"size": 12 if len(treads) <= _FEW_STEPS else 10, "color": THEMES[theme].text},
                bgcolor=faint(THEMES[theme].background, 0.92), borderpad=0,
            )
    fig.add_annotation(
        text=f"<b>{panel.title}</b>", xref="paper", x=0, xanchor="left", yref=f"{axis} domain", y=1, yanchor="bottom",
        font={"size": 12, "color": THEMES[theme].muted},
    )


def _add_level(fig: go.Figure, name: str, runs: Sequence[RunRow], count: int, *, theme: Theme) -> float | None:
    """A dotted level across the first panel, in the role's colour; the legend has its figure."""
    tread = Tread(name, name, tuple(runs))
    if not runs or tread.score is None:
        return None
    metric, look = METRICS[primary_metric(runs[0].task)], variants(runs, theme)[0]
    level = tread.score * metric.factor
    fig.add_scatter(
        x=[-0.5, count - 0.5], y=[level, level], mode="lines", hoverinfo="skip",
        name=f"{display_name(runs[0].name, 24)} {metric.value(tread.score)}",
        line={"color": look.color, "width": 1.5, "dash": "dot" if name == "teacher" else "dash"}, row=1, col=1,
    )
    return level


def _fit(fig: go.Figure, panels: Sequence[_Panel], levels: Sequence[float]) -> None:
    """The score's axis fits its figures; costs begin at nothing. Both leave room for what is written."""
    for number, panel in enumerate(panels, start=1):
        known = [value for value in panel.values if value is not None] + (list(levels) if number == 1 else [])
        low, high = (min(known), max(known)) if number == 1 else (0.0, max(known))
        span = (high - low) or abs(high) * 0.1 or 1.0
        bottom, room = (low - 0.15 * span, _ROOM_ABOVE_SCORE) if number == 1 else (0.0, _ROOM_ABOVE)
        fig.update_yaxes(
            range=[bottom, high + room * span], showticklabels=False, showgrid=False, row=number, col=1,
        )
        fig.update_xaxes(
            showticklabels=number == len(panels), range=[-0.5, len(panel.values) - 0.5], row=number, col=1,
        )


def _name_steps(fig: go.Figure, treads: Sequence[Tread], panels: int) -> None:
    few = len(treads) <= _FEW_STEPS
    names = [plain_name(lineage_name(tread.step, 48), 48) for tread in treads]
    wrapped = [
        "<br>".join(display_name(part) for part in textwrap.wrap(name, _STEP_WIDTH)[:4]) if few else
        display_name(name, 24) for name in names
    ]
    fig.update_xaxes(
        tickvals=list(range(len(treads))), ticktext=wrapped, tickangle=0 if few else -40, row=panels, col=1,
    )


def _notes(line: Line, *, rows_missing: bool) -> list[str]:
    seeds = line.seeds
    notes = [
        _("One seed: no interval can be told.") if seeds == 1
        else _("Means of {seeds} seeds; changes are paired by seed, ± half the 95% interval.").format(seeds=seeds)
    ]
    if rows_missing:
        notes.append(_("Where no latency stands, none was measured under these conditions."))
    refused = [tread for tread in line.treads if any(run.state == "refused" for run in tread.runs)]
    notes += [
        _("“{name}” could not be made: {reason}").format(
            name=plain_name(tread.step), reason=told(tread.first.stop_rule)
        )
        for tread in refused[:1]
    ]
    return notes
