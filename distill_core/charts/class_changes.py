"""What distillation changed by class: a dot and an interval a class, the greatest gain on top."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from distill_core.charts.names import display_name
from distill_core.charts.style import BLUE, THEMES, VERMILLION, Theme, add_caption, apply_style, empty_figure, hover
from distill_core.evaluation.class_changes import ClassChange
from distill_core.language import _

MOST_CLASSES = 20
SURE = 0.05


def class_changes(
    found: Sequence[ClassChange], class_names: Sequence[str], *, baseline: str, theme: Theme
) -> go.Figure:
    """Student minus baseline, sorted. Beyond 20 classes the ten that gained and the ten that lost most."""
    if not found:
        return empty_figure(_("No student and baseline have finished on the same seed yet."), theme)
    notes, shown = [], list(found)
    if len(shown) > MOST_CLASSES:
        half = MOST_CLASSES // 2
        shown = [*shown[:half], *shown[-half:]]
        notes.append(_("Of {count} classes the {half} with the greatest gain and the {half} with the greatest loss.")
                     .format(count=f"{len(found):,}", half=half))
    fig = go.Figure()
    for gains, colour, symbol, title in (
        (True, BLUE, "circle", _("recognised more often")), (False, VERMILLION, "square", _("recognised less often")),
    ):
        rows = [(row, one) for row, one in enumerate(shown) if (one.mean >= 0) == gains]
        if rows:
            _add_classes(fig, rows, class_names, colour=colour, symbol=symbol, title=title)
    fig.add_vline(x=0, line={"color": THEMES[theme].muted, "width": 1}, layer="below")
    fig.update_yaxes(
        tickvals=list(range(len(shown))), ticktext=[display_name(class_names[one.place], 24) for one in shown],
        range=[len(shown) - 0.4, -0.6], showgrid=False,
    )
    title = _("Share of the class recognised, minus {baseline}, points")
    fig.update_xaxes(title_text=title.format(baseline=display_name(baseline, 16)), showgrid=True)
    fig.update_layout(height=120 + 28 * len(shown))
    notes.append(_(
        "Bars: 95% t intervals over seeds, each for itself. Filled: still apart from zero at 5% when corrected for "
        "there being several classes (Holm)."
    ))
    add_caption(fig, notes)
    return apply_style(fig, theme)


def _add_classes(
    fig: go.Figure, rows: Sequence[tuple[int, ClassChange]], class_names: Sequence[str], *, colour: str, symbol: str,
    title: str,
) -> None:
    changes = [one for _row, one in rows]
    fig.add_scatter(
        x=[100 * one.mean for one in changes], y=[row for row, _one in rows], mode="markers", name=title,
        customdata=[_details(one, class_names) for one in changes],
        error_x={
            "type": "data", "symmetric": False, "color": colour, "thickness": 1.5, "width": 4,
            "array": [100 * (one.high - one.mean) if one.high is not None else 0 for one in changes],
            "arrayminus": [100 * (one.mean - one.low) if one.low is not None else 0 for one in changes],
        },
        marker={
            "symbol": [symbol if one.corrected < SURE else f"{symbol}-open" for one in changes], "size": 9,
            "color": colour,
        },
        hovertemplate=hover([
            (_("change"), "%{x:+.1f}"), (_("interval"), "%{customdata[1]}"), (_("seeds"), "%{customdata[2]}"),
            (_("p, Holm"), "%{customdata[3]}"),
        ], heading="%{customdata[0]}"),
    )


def _details(one: ClassChange, class_names: Sequence[str]) -> list[str]:
    interval = "–" if one.low is None or one.high is None else f"{100 * one.low:+.1f} … {100 * one.high:+.1f}"
    chance = "–" if one.corrected != one.corrected else f"{one.corrected:.2g}"
    return [display_name(class_names[one.place]), interval, str(one.seeds), chance]
