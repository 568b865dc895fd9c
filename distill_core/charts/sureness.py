"""How sure a verdict is: its t interval beside the bootstrap's and that of another test set."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from distill_core.charts.names import display_name
from distill_core.charts.style import BLUE, THEMES, Theme, add_caption, apply_style, empty_figure, faint, hover
from distill_core.charts.variants import variants
from distill_core.evaluation.metrics import METRICS, heading
from distill_core.evaluation.sureness import Sureness
from distill_core.language import _, marked, told
from distill_core.rows import RunRow

_KINDS = {
    "t": (marked("other seeds, t interval (judges)"), "solid", "diamond", 3.0),
    "bootstrap": (marked("other seeds, bootstrap"), "dash", "circle-open", 2.0),
    "test": (marked("another test set"), "dot", "square-open", 2.0),
}
_ROW_PX, _STEP = 92, 0.2


def sureness(found: Sequence[Sureness], runs: Sequence[RunRow], *, theme: Theme) -> go.Figure:
    """A row a verdict, all of the same metric: three intervals of student minus baseline, against zero."""
    compared = [one for one in found if one.verdict.differences]
    if not compared:
        return empty_figure(_("No student and baseline have finished on the same seed yet."), theme)
    first, looks = compared[0].verdict, {variant.first.name: variant for variant in variants(runs, theme)}
    fig = go.Figure()
    for kind, (title, dash, symbol, _width) in _KINDS.items():
        if any(_ends(one, kind) for one in compared):
            fig.add_scatter(
                x=[None], y=[None], mode="lines+markers", name=_(title), hoverinfo="skip",
                line={"color": THEMES[theme].muted, "dash": dash, "width": 2}, marker={"symbol": symbol, "size": 9},
            )
    for row, one in enumerate(compared):
        look = looks.get(one.verdict.student)
        for place, kind in enumerate(_KINDS):
            _add_interval(fig, one, kind, y=row - 0.08 + _STEP * place, colour=look.color if look else BLUE)
        fig.add_annotation(
            text=_name(one, several=len({each.verdict.baseline for each in compared}) > 1), xref="paper", x=0,
            xanchor="left", y=row - 0.34, yanchor="middle", font={"color": THEMES[theme].text, "size": 12},
        )
    little = first.smallest_gain * first.kind.factor
    fig.add_vrect(x0=-little, x1=little, fillcolor=faint(THEMES[theme].muted, 0.12), line_width=0, layer="below")
    fig.add_vline(x=0, line={"color": THEMES[theme].muted, "width": 1}, layer="below")
    title = told(heading(first.metric, runs[0].task if runs else "classification"))
    axis = _("{figure}: student minus baseline").format(figure=title)
    if first.kind.unit:
        axis = _("{figure}: student minus baseline, {unit}").format(figure=title, unit=_(first.kind.unit))
    fig.update_xaxes(title_text=axis, showgrid=True)
    fig.update_yaxes(range=[len(compared) - 0.4, -0.6], visible=False)
    fig.update_layout(height=110 + _ROW_PX * len(compared))
    add_caption(fig, [_("Grey band: too little to matter, either way. {confidence} intervals.").format(
        confidence=f"{first.confidence:.0%}"
    )])
    return apply_style(fig, theme)


def _name(one: Sureness, *, several: bool) -> str:
    student = f"<b>{display_name(one.verdict.student, 28)}</b>"
    if not several:
        return student
    return _("{student} against {baseline}").format(student=student, baseline=display_name(one.verdict.baseline, 16))


def _ends(one: Sureness, kind: str) -> tuple[float, float] | None:
    verdict = one.verdict
    if kind == "bootstrap":
        return one.bootstrap
    if kind == "test":
        # Only in the unit of the axis.
        return (one.test_set.low, one.test_set.high) if one.test_set and one.test_set.metric == verdict.metric else None
    return None if verdict.ci_low is None or verdict.ci_high is None else (verdict.ci_low, verdict.ci_high)


def _add_interval(fig: go.Figure, one: Sureness, kind: str, *, y: float, colour: str) -> None:
    title, dash, symbol, width = _KINDS[kind]
    ends, factor = _ends(one, kind), METRICS[one.verdict.metric].factor
    mean = one.verdict.delta_mean * factor
    # Not in the legend; the table of the chart's numbers names its rows by it.
    name = f"{display_name(one.verdict.student, 28)}: {_(title)}"
    if ends is None:
        if kind == "t":
            fig.add_scatter(
                x=[mean], y=[y], mode="markers", marker={"symbol": symbol, "size": 11, "color": colour},
                showlegend=False, name=name, hovertemplate=hover([(_("one seed"), "%{x:+.2f}")], heading=_(title)),
            )
        return
    low, high = (end * factor for end in ends)
    lines = [(_("mean"), f"{mean:+.2f}"), (_("from"), f"{low:+.2f}"), (_("to"), f"{high:+.2f}")]
    fig.add_scatter(
        x=[low, mean, high], y=[y] * 3, mode="lines+markers", showlegend=False, name=name,
        line={"color": colour, "dash": dash, "width": width},
        marker={"symbol": ["line-ns-open", symbol, "line-ns-open"], "size": [9, 11, 9], "color": colour},
        hovertemplate=hover(lines, heading=_(title)),
    )
