"""Accuracy by class: which classes a student gained or lost."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import plotly.graph_objects as go

from distill_core.charts.names import display_name
from distill_core.charts.style import Theme, add_caption, apply_style, empty_figure, hover
from distill_core.charts.variants import Spread, Variant, choose, spread
from distill_core.rows import RunRow

MOST_CLASSES = 20


def per_class(runs: Sequence[RunRow], class_names: Sequence[str], *, theme: Theme) -> go.Figure:
    """A row a class, a dot a variant: the mean over seeds of the share of the class's samples recognised.

    Beyond 20 classes only the 20 that the students recognise least are shown, worst on top.
    """
    found, notes = choose(runs, theme)
    by_variant = {variant.group: _by_class(variant, len(class_names)) for variant in found}
    measured = [variant for variant in found if any(by_variant[variant.group])]
    classes = [index for index in range(len(class_names)) if any(by_variant[v.group][index] for v in measured)]
    if not classes:
        return empty_figure("No run has been tested yet.", theme)
    without = len(class_names) - len(classes)
    if len(classes) > MOST_CLASSES:
        total = len(classes)
        shares = {index: _recognised(measured, by_variant, index) for index in classes}
        classes = sorted(classes, key=lambda index: shares[index])[:MOST_CLASSES]
        notes.insert(0, f"The {MOST_CLASSES} of {total} classes recognised least, worst on top.")
    what = "class's steps" if measured[0].first.task == "tagging" else "class"
    fig = go.Figure()
    for number, variant in enumerate(measured):
        shift = _shift(number, len(measured))
        _add_dots(fig, variant, by_variant[variant.group], classes, class_names, shift=shift)
    names = [display_name(class_names[index], 24) for index in classes]
    fig.update_yaxes(
        tickvals=list(range(len(classes))), ticktext=names, range=[len(classes) - 0.4, -0.6], showgrid=False,
    )
    # A hair line a class, so that dots can be followed to their name.
    for row in range(len(classes)):
        fig.add_hline(y=row, layer="below", line={"width": 1, "color": "rgba(128,128,128,0.18)"})
    fig.update_xaxes(title_text=f"Share of the {what} recognised", ticksuffix="%", showgrid=True)
    if any(len(variant.runs) > 1 for variant in measured):
        notes.insert(0, "Dots: mean over seeds.")
    if without:
        notes.append(f"{without} {'class has' if without == 1 else 'classes have'} no test samples.")
    fig.update_layout(height=110 + 30 * len(classes))
    add_caption(fig, notes)
    return apply_style(fig, theme)


def _by_class(variant: Variant, classes: int) -> list[Spread | None]:
    measured = [run.per_class for run in variant.runs if run.per_class]
    return [spread(shares[index] for shares in measured) for index in range(classes)]


def _recognised(found: Sequence[Variant], by_variant: dict[str, list[Spread | None]], index: int) -> float:
    """The students' mean share of a class, in their absence everybody's."""
    means = [(variant.role, at.mean) for variant in found if (at := by_variant[variant.group][index])]
    students = [mean for role, mean in means if role in ("student", "compressed")]
    return fmean(students or [mean for _, mean in means])


def _shift(number: int, count: int) -> float:
    """Puts a variant's dots a little above or below the row, so that equal ones do not hide each other."""
    return 0.0 if count == 1 else 0.5 * (number / (count - 1) - 0.5)


def _add_dots(
    fig: go.Figure, variant: Variant, by_class: Sequence[Spread | None], classes: Sequence[int],
    class_names: Sequence[str], *, shift: float,
) -> None:
    rows = [(row, index, at) for row, index in enumerate(classes) if (at := by_class[index]) is not None]
    details = [
        [display_name(class_names[index]), f"± {at.sd * 100:.1f}" if at.sd is not None else "", at.seeds]
        for _, index, at in rows
    ]
    lines = [("class", "%{customdata[0]}"), ("recognised", "%{x:.1f}% %{customdata[1]}")]
    lines += [("seeds", "%{customdata[2]}")] if len(variant.runs) > 1 else []
    fig.add_scatter(
        x=[round(at.mean * 100, 6) for _, _, at in rows], y=[row + shift for row, _, _ in rows], customdata=details,
        mode="markers", name=variant.name, legendgroup=variant.group,
        marker={"color": variant.color, "symbol": variant.symbol, "size": 9, "opacity": 0.95},
        hovertemplate=hover(lines, heading="%{fullData.name}"),
    )
