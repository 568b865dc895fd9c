"""What a sweep would train, as a small picture: its cells before any of them is begun."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import plotly.graph_objects as go

from distill_core.charts.names import display_name
from distill_core.charts.style import BLUE, THEMES, Theme, add_caption, apply_style, empty_figure, faint, seen_on
from distill_core.charts.sweep_axes import ShownAxis, shown_axes
from distill_core.language import _, counted
from distill_core.sweep_rows import Cell, SweepPlan

_ROW_PX = 30
_NO_AXIS = ShownAxis("", "", ("",), ("",), numeric=False, log=False)


def plan_picture(plan: SweepPlan, *, theme: Theme, refused: Collection[int] = ()) -> go.Figure:
    """A square a combination of the first two axes, with the count of cells where further axes give it several.

    `refused` are numbers of cells that will not be trained, beside those that the plan refuses itself; they are grey.
    """
    if not plan.cells:
        return empty_figure(_("Optuna proposes the combinations as it goes."), theme)
    axes = shown_axes(plan.spec, [values for cell in plan.cells for values in (cell.values, *cell.twins)])
    across, up = axes[0], axes[1] if len(axes) > 1 else _NO_AXIS
    barred = {*refused, *(cell.number for cell in plan.cells if cell.refused)}
    fig = _squares(plan, across, up, barred, theme=theme) if across.stepped and up.stepped else _dots(
        plan, across, up, barred, theme=theme
    )
    fig.update_layout(showlegend=False, margin={"l": 8, "r": 8, "t": 8, "b": 8})
    notes = []
    if len(axes) > 2:
        notes.append(_("A square holds the cells of all further settings."))
    if barred:
        notes.append(counted("Grey: {number} refused.", "Grey: {number} refused.", len(barred)))
    twins = sum(len(cell.twins) for cell in plan.cells)
    if twins:
        notes.append(counted(
            "Pale: {number} combination that comes to the same student as another.",
            "Pale: {number} combinations that come to the same student as another.", twins,
        ))
    add_caption(fig, notes)
    return apply_style(fig, theme)


def _squares(
    plan: SweepPlan, across: ShownAxis, up: ShownAxis, barred: Collection[int], *, theme: Theme
) -> go.Figure:
    trained: dict[tuple[int, int], int] = {}
    grey: set[tuple[int, int]] = set()
    pale: set[tuple[int, int]] = set()
    for cell in plan.cells:
        place = _place(cell.values, across, up)
        if cell.number in barred:
            grey.add(place)
        else:
            trained[place] = trained.get(place, 0) + 1
            pale |= {_place(twin, across, up) for twin in cell.twins}
    shades = {place: 2 for place in trained} | {place: 1 for place in pale - set(trained)}
    shades |= {place: 0 for place in grey - set(shades)}
    blue, muted = seen_on(theme, BLUE), THEMES[theme].muted
    columns, rows = range(len(across.values)), range(len(up.values))
    fig = go.Figure()
    fig.add_heatmap(
        z=[[shades.get((i, j)) for i in columns] for j in rows], zmin=0, zmax=2, showscale=False, xgap=3, ygap=3,
        colorscale=[[0, faint(muted, 0.45)], [0.5, faint(blue, 0.25)], [1, faint(blue, 0.6)]], hoverinfo="skip",
        text=[[_many(trained.get((i, j), 0)) for i in columns] for j in rows], texttemplate="%{text}",
        textfont={"size": 11, "color": THEMES[theme].text},
    )
    fig.update_xaxes(**_steps(across))
    fig.update_yaxes(**_steps(up), showgrid=False)
    fig.update_layout(height=70 + _ROW_PX * len(up.values))
    return fig


def _dots(plan: SweepPlan, across: ShownAxis, up: ShownAxis, barred: Collection[int], *, theme: Theme) -> go.Figure:
    def at(axis: ShownAxis, cell: Cell) -> Any:
        return float(cell.values[axis.field]) if axis.numeric else axis.place(_filled(cell.values)[axis.field])

    muted, blue = THEMES[theme].muted, seen_on(theme, BLUE)
    colours = [muted if cell.number in barred else blue for cell in plan.cells]
    fig = go.Figure()
    fig.add_scatter(
        x=[at(across, cell) for cell in plan.cells], y=[at(up, cell) for cell in plan.cells], mode="markers",
        hoverinfo="skip", marker={"size": 8, "color": colours},
    )
    for axis, update in ((across, fig.update_xaxes), (up, fig.update_yaxes)):
        update(**({"title_text": axis.title} | ({"type": "log"} if axis.log else {}) if axis.numeric else _steps(axis)))
    fig.update_layout(height=240)
    return fig


def _place(values: Any, across: ShownAxis, up: ShownAxis) -> tuple[int, int]:
    filled = _filled(values)
    return across.place(filled[across.field]), up.place(filled[up.field])


def _filled(values: Any) -> dict[str, Any]:
    return {"": "", **values}


def _many(cells: int) -> str:
    return f"{cells}" if cells > 1 else ""


def _steps(axis: ShownAxis) -> dict[str, Any]:
    count = len(axis.values)
    return {
        "title_text": axis.title, "tickvals": list(range(count)), "range": [-0.5, count - 0.5], "showline": False,
        "ticktext": [display_name(word, 14) for word in axis.words], "fixedrange": True,
    }
