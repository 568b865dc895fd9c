"""Draws points, lines and gains as static SVG: see svg.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from distill_core.report.svg import (
    BOTTOM,
    DASHES,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    cut_to,
    element,
    frame,
    ink,
    legend,
    line_of,
    mark,
    opened,
    picture,
    ticks_below,
)


@dataclass(frozen=True)
class Series:
    """Points of one rival in the axes' units. `colour` is #RRGGBB, or empty for the page's own ink.

    `low` and `high` are the ends of a bar through each point, along y, where there is one.
    """

    title: str
    points: tuple[tuple[float, float], ...]
    colour: str = ""
    dash: str = "solid"
    symbol: str = "circle"
    joined: bool = False
    bars: tuple[tuple[float, float], ...] = ()


def chart(
    series: Sequence[Series], *, x_title: str, y_title: str, title: str, description: str, logarithmic_x: bool = False
) -> Markup:
    """Lines for joined series, marks for the others, both axes titled, names below; nothing without any point."""
    points = [point for one in series for point in one.points]
    heights = [y for _, y in points] + [end for one in series for bar in one.bars for end in bar]
    if not points:
        return Markup("")
    across = Axis([x for x, _ in points], LEFT, WIDTH - RIGHT, logarithmic=logarithmic_x)
    up = Axis(heights, HEIGHT - BOTTOM, TOP)
    names, names_px = legend(
        [(one.title, one.colour, "" if one.joined else one.symbol, one.dash if one.joined else "") for one in series],
        top=HEIGHT + 4,
    )
    parts = [frame(across, up, x_title, y_title), *(_drawn(one, across, up) for one in series), names]
    return picture(parts, title=title, description=description, height=HEIGHT + 4 + names_px)


@dataclass(frozen=True)
class Gain:
    """A row of a chart of gains: each seed's difference, their mean and its interval, in the shown unit."""

    title: str
    differences: tuple[float, ...]
    mean: float
    interval: tuple[float, float] | None
    colour: str = ""


_ROW_PX = 50


def gains_chart(rows: Sequence[Gain], *, x_title: str, little: float, title: str, description: str) -> Markup:
    """A row each against zero; the grey band, `little` either way, is too little to matter."""
    ends = [value for row in rows for value in (*row.differences, *(row.interval or ()), row.mean)]
    if not ends:
        return Markup("")
    height = TOP + _ROW_PX * len(rows) + BOTTOM
    across = Axis([*ends, 0.0, little, -little], 16, WIDTH - 16)
    bottom = height - BOTTOM
    band = across.at(little) - across.at(-little)
    parts = [
        element("rect", {"class": "band", "x": across.at(-little), "y": TOP, "width": band, "height": bottom - TOP}),
        element("line", {"class": "zero", "x1": across.at(0), "x2": across.at(0), "y1": TOP, "y2": bottom}),
        ticks_below(across, bottom),
        element("text", {"class": "title", "x": WIDTH / 2, "y": height - 6, "text-anchor": "middle"}, x_title),
    ]
    for number, row in enumerate(rows):
        top = TOP + _ROW_PX * number
        colour = ink(row.colour)
        parts.append(element("text", {"class": "name", "x": 16, "y": top + 16}, cut_to(row.title, WIDTH - 40)))
        for value in row.differences:
            place = {"cx": across.at(value), "cy": top + 28, "r": 3.5, "fill": "none", "stroke": colour}
            parts.append(element("circle", place))
        if row.interval is not None:
            low, high = (across.at(end) for end in row.interval)
            parts.append(element(
                "line", {"x1": low, "x2": high, "y1": top + 40, "y2": top + 40, "stroke": colour, "stroke-width": 2.5}
            ))
        parts.append(mark("diamond", across.at(row.mean), top + 40, colour))
    return picture(parts, title=title, description=description, height=height)


def _drawn(one: Series, across: Axis, up: Axis) -> Markup:
    colour = ink(one.colour)
    places = [(across.at(x), up.at(y)) for x, y in one.points]
    parts = []
    if one.joined:
        line = {
            "points": " ".join(f"{x},{y}" for x, y in places), "fill": "none", "stroke": colour, "stroke-width": 2,
            "stroke-linejoin": "round",
        }
        if dash := DASHES.get(one.dash, ""):
            line["stroke-dasharray"] = dash
        parts.append(element("polyline", line, title=one.title))
        return Markup("").join(parts)
    for place, (low, high) in zip(places, one.bars, strict=False):
        parts.append(element(
            "line", {"x1": place[0], "x2": place[0], "y1": up.at(low), "y2": up.at(high), "stroke": colour}
        ))
    parts += [mark(one.symbol, x, y, colour, title=one.title) for x, y in places]
    return Markup("").join(parts)


def key_mark(symbol: str, colour: str, *, dash: str = "solid") -> Markup:
    """What stands before a name in a list, so that it is found in the charts: its line and its mark."""
    attributes = {"class": "key", "viewBox": "0 0 28 16", "width": 28, "height": 16, "aria-hidden": "true"}
    return opened("svg", attributes) + line_of(1, 27, 8, colour, dash=dash) + mark(symbol, 14, 8, ink(colour)) + Markup(
        "</svg>"
    )
