"""Many verdicts at once: a line each, the largest gain at the top, in the look of what was found."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from distill_core.charts.names import display_name
from distill_core.charts.style import GREEN, GREY, THEMES, VERMILLION, Theme, faint, hover, seen_on
from distill_core.evaluation.verdict import JUDGEMENTS, Judgement, Verdict
from distill_core.language import _, counted

_ROW_PX, _AROUND_PX = 24, 118
_LOOKS: dict[Judgement, tuple[str, str]] = {
    "helped": (GREEN, "diamond"), "did not help": (VERMILLION, "x"), "inconclusive": (GREY, "circle"),
}


def add_forest(fig: go.Figure, compared: Sequence[Verdict], *, theme: Theme) -> None:
    """Means with their intervals and the seeds' differences; names at the left, where there are too many for colours.

    All verdicts are of one metric and have differences. The figure gets its height and its vertical axis.
    """
    kind, several = compared[0].kind, len({verdict.baseline for verdict in compared}) > 1
    rows = sorted(compared, key=lambda one: -one.delta_mean if one.higher_is_better else one.delta_mean)
    digits, unit = "+.1f" if kind.is_share else "+.3f", f" {kind.unit}".rstrip()
    rings = [(place, seed, kind.factor * gain) for place, one in enumerate(rows) for seed, gain in one.differences]
    fig.add_scatter(
        x=[gain for _row, _seed, gain in rings], y=[row for row, _seed, _gain in rings], mode="markers",
        name=_("one seed"), text=[display_name(rows[row].student, 28) for row, _seed, _gain in rings],
        customdata=[seed for _row, seed, _gain in rings],
        marker={"symbol": "circle-open", "size": 5, "color": faint(THEMES[theme].muted, 0.7), "line_width": 1},
        hovertemplate=hover([(_("seed"), "%{customdata}"), (_("gain"), f"%{{x:{digits}}}{unit}")], heading="%{text}"),
    )
    for judgement in JUDGEMENTS:
        mine = [(place, one) for place, one in enumerate(rows) if one.verdict == judgement]
        if mine:
            _add_means(fig, judgement, mine, digits=digits, unit=unit, theme=theme)
    names = [
        display_name(one.student, 24) if not several else _("{student} against {baseline}").format(
            student=display_name(one.student, 20), baseline=display_name(one.baseline, 12)
        )
        for one in rows
    ]
    fig.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=names, range=[len(rows) - 0.4, -0.6], automargin=True, showgrid=False,
        zeroline=False, title_text="",
    )
    fig.update_layout(
        height=_AROUND_PX + _ROW_PX * len(rows), showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
    )


def _add_means(
    fig: go.Figure, judgement: Judgement, mine: Sequence[tuple[int, Verdict]], *, digits: str, unit: str, theme: Theme
) -> None:
    colour, symbol = seen_on(theme, _LOOKS[judgement][0]), _LOOKS[judgement][1]
    factor = mine[0][1].kind.factor
    means = [one.delta_mean * factor for _place, one in mine]
    below, above, lines = [], [], []
    for mean, (_place, one) in zip(means, mine, strict=True):
        low, high = (mean if end is None else end * factor for end in (one.ci_low, one.ci_high))
        below.append(mean - low)
        above.append(high - mean)
        lines.append(_("{low} to {high}").format(low=f"{low:{digits}}", high=f"{high:{digits}}"))
    fig.add_scatter(
        x=means, y=[place for place, _one in mine], mode="markers", name=f"{_(judgement)} ({len(mine)})",
        text=[display_name(one.student, 28) for _place, one in mine],
        customdata=[[line, counted("{number} seed", "{number} seeds", len(one.differences))]
                    for line, (_place, one) in zip(lines, mine, strict=True)],
        error_x={"type": "data", "symmetric": False, "array": above, "arrayminus": below, "color": colour,
                 "thickness": 2, "width": 3},
        marker={"symbol": symbol, "size": 9, "color": colour},
        hovertemplate=hover(
            [(_("mean"), f"%{{x:{digits}}}{unit}"), (_("interval"), "%{customdata[0]}"), ("", "%{customdata[1]}"),
             (_("verdict"), _(judgement))], heading="%{text}",
        ),
    )
