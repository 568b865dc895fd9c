"""Draws points and lines as a static SVG that needs no script; colours follow the page's theme."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 460, 310
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 44
_DASHES = {
    "dash": "7 4", "dot": "2 3", "dashdot": "7 3 2 3", "longdash": "11 4", "longdashdot": "11 3 2 3", "solid": "",
}
# Corners of each mark, within a square from -1 to 1; what is not here is a circle.
_CORNERS: dict[str, tuple[tuple[float, float], ...]] = {
    "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "diamond": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    "diamond-tall": ((0, -1.5), (0.9, 0), (0, 1.5), (-0.9, 0)),
    "diamond-wide": ((0, -0.9), (1.5, 0), (0, 0.9), (-1.5, 0)),
    "triangle-up": ((0, -1.2), (1.2, 1), (-1.2, 1)),
    "triangle-down": ((0, 1.2), (1.2, -1), (-1.2, -1)),
    "triangle-left": ((-1.2, 0), (1, -1.2), (1, 1.2)),
    "triangle-right": ((1.2, 0), (-1, -1.2), (-1, 1.2)),
    "pentagon": ((0, -1.2), (1.15, -0.3), (0.7, 1), (-0.7, 1), (-1.15, -0.3)),
    "hourglass": ((-1, -1), (1, -1), (-1, 1), (1, 1)),
    "bowtie": ((-1, -1), (1, 1), (1, -1), (-1, 1)),
    "cross": (
        (-0.4, -1.2), (0.4, -1.2), (0.4, -0.4), (1.2, -0.4), (1.2, 0.4), (0.4, 0.4), (0.4, 1.2), (-0.4, 1.2),
        (-0.4, 0.4), (-1.2, 0.4), (-1.2, -0.4), (-0.4, -0.4),
    ),
}
_MARK_PX = 5.0


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


def chart(series: Sequence[Series], *, x_title: str, y_title: str, alt: str, logarithmic_x: bool = False) -> Markup:
    """Lines for joined series, marks for the others, both axes titled; every mark tells its figures when pointed at."""
    points = [point for one in series for point in one.points]
    heights = [y for _, y in points] + [end for one in series for bar in one.bars for end in bar]
    if not points:
        return Markup("")
    across = _Axis([x for x, _ in points], _LEFT, WIDTH - _RIGHT, logarithmic=logarithmic_x)
    up = _Axis(heights, HEIGHT - _BOTTOM, _TOP)
    parts = [_frame(across, up, x_title, y_title)]
    for one in series:
        parts.append(_drawn(one, across, up))
    return _svg(parts, alt=alt, height=HEIGHT)


@dataclass(frozen=True)
class Gain:
    """A row of a chart of gains: each seed's difference, their mean and its interval, in the shown unit."""

    title: str
    differences: tuple[float, ...]
    mean: float
    interval: tuple[float, float] | None
    colour: str = ""


_ROW_PX = 50


def gains_chart(rows: Sequence[Gain], *, x_title: str, little: float, alt: str) -> Markup:
    """A row each against zero; the grey band, `little` either way, is too little to matter."""
    ends = [value for row in rows for value in (*row.differences, *(row.interval or ()), row.mean)]
    if not ends:
        return Markup("")
    height = _TOP + _ROW_PX * len(rows) + _BOTTOM
    across = _Axis([*ends, 0.0, little, -little], 16, WIDTH - 16)
    bottom = height - _BOTTOM
    band = across.at(little) - across.at(-little)
    parts = [
        _element("rect", {"class": "band", "x": across.at(-little), "y": _TOP, "width": band, "height": bottom - _TOP}),
        _element("line", {"class": "zero", "x1": across.at(0), "x2": across.at(0), "y1": _TOP, "y2": bottom}),
        _ticks_below(across, bottom),
        _element("text", {"class": "title", "x": WIDTH / 2, "y": height - 6, "text-anchor": "middle"}, x_title),
    ]
    for number, row in enumerate(rows):
        top = _TOP + _ROW_PX * number
        colour = _colour(row.colour)
        parts.append(_element("text", {"class": "name", "x": 16, "y": top + 16}, row.title))
        for value in row.differences:
            place = {"cx": across.at(value), "cy": top + 28, "r": 3.5, "fill": "none", "stroke": colour}
            parts.append(_element("circle", place))
        if row.interval is not None:
            low, high = (across.at(end) for end in row.interval)
            parts.append(_element(
                "line", {"x1": low, "x2": high, "y1": top + 40, "y2": top + 40, "stroke": colour, "stroke-width": 2.5}
            ))
        parts.append(_mark("diamond", across.at(row.mean), top + 40, colour))
    return _svg(parts, alt=alt, height=height)


class _Axis:
    """From values to pixels, with round ticks; a little room is left at both ends."""

    def __init__(self, values: Sequence[float], start: float, end: float, *, logarithmic: bool = False) -> None:
        self._log = logarithmic
        low, high = (self._scaled(bound(values)) for bound in (min, max))
        room = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
        self._low, self._high, self._start, self._end = low - room, high + room, start, end

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self._log else value

    def at(self, value: float) -> float:
        share = (self._scaled(value) - self._low) / (self._high - self._low)
        return round(self._start + share * (self._end - self._start), 2)

    def ticks(self) -> list[float]:
        if self._log:
            steps = (1, 2, 5) if self._high - self._low < 2.2 else (1,)
            decades = range(math.floor(self._low), math.ceil(self._high) + 1)
            found = [step * 10.0**decade for decade in decades for step in steps]
            return [value for value in found if self._low <= math.log10(value) <= self._high]
        rough = (self._high - self._low) / 5
        size = 10.0 ** math.floor(math.log10(rough))
        step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
        first, last = math.ceil(self._low / step), math.floor(self._high / step)
        return [round(number * step, 10) for number in range(first, last + 1)]


def _frame(across: _Axis, up: _Axis, x_title: str, y_title: str) -> Markup:
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    parts = []
    for value in up.ticks():
        y = up.at(value)
        parts.append(_element("line", {"class": "grid", "x1": _LEFT, "x2": right, "y1": y, "y2": y}))
        parts.append(_element("text", {"x": _LEFT - 6, "y": y + 4, "text-anchor": "end"}, _number(value)))
    parts += [
        _element("line", {"class": "axis", "x1": _LEFT, "x2": right, "y1": bottom, "y2": bottom}),
        _ticks_below(across, bottom),
        _element(
            "text", {"class": "title", "x": (_LEFT + right) / 2, "y": HEIGHT - 6, "text-anchor": "middle"}, x_title
        ),
        _element("text", {
            "class": "title", "text-anchor": "middle", "transform": f"translate(12 {(_TOP + bottom) / 2}) rotate(-90)",
        }, y_title),
    ]
    return Markup("").join(parts)


def _ticks_below(across: _Axis, bottom: float) -> Markup:
    return Markup("").join(
        _element("text", {"x": across.at(value), "y": bottom + 17, "text-anchor": "middle"}, _number(value))
        for value in across.ticks()
    )


def _drawn(one: Series, across: _Axis, up: _Axis) -> Markup:
    colour = _colour(one.colour)
    places = [(across.at(x), up.at(y)) for x, y in one.points]
    parts = []
    if one.joined:
        line = {
            "points": " ".join(f"{x},{y}" for x, y in places), "fill": "none", "stroke": colour, "stroke-width": 2,
            "stroke-linejoin": "round",
        }
        if dash := _DASHES.get(one.dash, ""):
            line["stroke-dasharray"] = dash
        parts.append(_element("polyline", line, title=one.title))
        return Markup("").join(parts)
    for place, (low, high) in zip(places, one.bars, strict=False):
        parts.append(_element(
            "line", {"x1": place[0], "x2": place[0], "y1": up.at(low), "y2": up.at(high), "stroke": colour}
        ))
    parts += [_mark(one.symbol, x, y, colour, title=one.title) for x, y in places]
    return Markup("").join(parts)


def key_mark(symbol: str, colour: str, *, dash: str = "solid") -> Markup:
    """What stands before a name in a list, so that it is found in the charts: its line and its mark."""
    line = {"x1": 1, "x2": 27, "y1": 8, "y2": 8, "stroke": _colour(colour), "stroke-width": 2}
    if pattern := _DASHES.get(dash, ""):
        line["stroke-dasharray"] = pattern
    attributes = {"class": "key", "viewBox": "0 0 28 16", "width": 28, "height": 16, "aria-hidden": "true"}
    return _open("svg", attributes) + _element("line", line) + _mark(symbol, 14, 8, _colour(colour)) + Markup("</svg>")


def _mark(symbol: str, x: float, y: float, colour: str, *, title: str = "") -> Markup:
    corners = _CORNERS.get(symbol)
    if corners is None:
        return _element("circle", {"cx": x, "cy": y, "r": _MARK_PX, "fill": colour}, title=title)
    points = " ".join(f"{x + _MARK_PX * dx:.2f},{y + _MARK_PX * dy:.2f}" for dx, dy in corners)
    return _element("polygon", {"points": points, "fill": colour}, title=title)


def _colour(colour: str) -> str:
    return colour or "currentColor"


def _number(value: float) -> str:
    return f"{value:,.10g}" if abs(value) >= 1e-4 or not value else f"{value:.0e}"


def _svg(parts: Sequence[Markup], *, alt: str, height: float) -> Markup:
    attributes = {"viewBox": f"0 0 {WIDTH} {height:g}", "role": "img", "aria-label": alt, "class": "chart"}
    return _open("svg", attributes) + Markup("").join(parts) + Markup("</svg>")


def _open(tag: str, attributes: Mapping[str, object]) -> Markup:
    written = "".join(f' {name}="{escape(_plain(value))}"' for name, value in attributes.items())
    return Markup(f"<{tag}{written}>")


def _plain(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _element(tag: str, attributes: Mapping[str, object], text: str = "", *, title: str = "") -> Markup:
    """One element; its text, and the title that a pointer shows, are escaped."""
    told = Markup("<title>{}</title>").format(title) if title else Markup("")
    return _open(tag, attributes) + told + escape(text) + Markup(f"</{tag}>")
