"""Accuracy of each network under each disturbance, by its strength."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from distill_core.charts.examined import looks
from distill_core.charts.style import Theme, add_caption, apply_style, empty_figure, hover
from distill_core.evaluation.proportion import wilson_interval
from distill_core.examined import Curve, Robustness
from distill_core.language import _, counted, marked
from distill_core.rows import RunRow

TITLES: dict[str, str] = {
    "noise": marked("Noise"), "blur": marked("Blur"), "brightness": marked("Brightness"),
    "occlusion": marked("Occlusion"), "left-out": marked("Words left out"), "misspelt": marked("Words misspelt"),
    "value-noise": marked("Noise on the values"), "missing": marked("Values missing"),
}
_AXES: dict[str, str] = {
    "noise": marked("Standard deviation, white is 1"), "blur": marked("Width, in pixels at 32 × 32"),
    "brightness": marked("Added, white is 1"), "occlusion": marked("Covered share of each side"),
    "left-out": marked("Share of the words"), "misspelt": marked("Share of the words"),
    "value-noise": marked("Standard deviations"), "missing": marked("Share of the values"),
}
_COLUMNS, _ROW_PX = 2, 270


def robustness(found: Robustness, runs: Sequence[RunRow], *, theme: Theme) -> go.Figure:
    """A small chart a disturbance, on one scale; the first point of each curve is the samples as they are."""
    kinds = list(dict.fromkeys(curve.kind for curve in found.curves))
    if not kinds:
        return empty_figure(_("Nothing was disturbed here."), theme)
    columns = min(_COLUMNS, len(kinds))
    rows = -(-len(kinds) // columns)
    fig = make_subplots(
        rows=rows, cols=columns, shared_yaxes=True, horizontal_spacing=0.06, vertical_spacing=0.34 / rows,
        subplot_titles=[_(TITLES.get(kind, kind)) for kind in kinds],
    )
    styles, is_share = looks(found, runs, theme), found.metric == "accuracy"
    factor = 100 if is_share else 1
    # int8 files lie mostly on what they were made from: below it, in larger open signs, both can be seen.
    quantized = {one.run_id for one in found.networks if one.role == "compressed"}
    for curve in sorted(found.curves, key=lambda one: one.run_id not in quantized):
        place = kinds.index(curve.kind)
        look = styles[curve.run_id]
        lines = [(_("strength"), "%{x:g}"), (_("accuracy") if is_share else "R²", "%{customdata[0]}")]
        lines += [(_("95% interval"), "%{customdata[1]}")] if found.counted else []
        fig.add_scatter(
            x=curve.strengths, y=[None if value is None else round(value * factor, 4) for value in curve.values],
            customdata=[_told(value, found) for value in curve.values], mode="lines+markers", name=look.name,
            legendgroup=curve.run_id, showlegend=place == 0,
            line={"color": look.color, "dash": look.dash, "width": 2},
            marker=(
                {"symbol": f"{look.symbol}-open", "size": 13, "color": look.color, "line": {"width": 2}}
                if curve.run_id in quantized else {"symbol": look.symbol, "size": 7, "color": look.color}
            ),
            legendrank=1001 if curve.run_id in quantized else 1000,
            hovertemplate=hover(lines, heading=look.name), row=place // columns + 1, col=place % columns + 1,
        )
    for place, kind in enumerate(kinds):
        where = {"row": place // columns + 1, "col": place % columns + 1}
        fig.update_xaxes(title_text=_(_AXES.get(kind, "")), **where)
    fig.update_yaxes(ticksuffix="%" if is_share else "")
    if is_share:
        fig.update_yaxes(range=[0, 102])
    fig.update_yaxes(title_text=_("Accuracy") if is_share else "R²", col=1)
    fig.update_layout(height=90 + _ROW_PX * rows, legend={"y": 1 + 0.16 / rows})
    notes = [counted("{number} test sample, the same for all networks.",
                     "{number} test samples, the same for all networks.", found.samples)]
    notes.append(_("Strength 0: the samples as they are."))
    if found.counted:
        notes.append(_("Pointing at a dot shows its 95% interval (Wilson)."))
    add_caption(fig, notes)
    return apply_style(fig, theme)


def _told(value: float | None, found: Robustness) -> list[str]:
    if value is None:
        return ["–", "–"]
    if not found.counted:
        return [f"{value:.3f}", ""]
    low, high = wilson_interval(round(value * found.counted), found.counted)
    return [f"{value:.1%}", f"{low:.1%} – {high:.1%}"]


def drop(curve: Curve) -> float | None:
    """What is lost from the samples as they are to the strongest disturbance."""
    first, last = curve.values[0], curve.values[-1]
    return None if first is None or last is None else first - last
