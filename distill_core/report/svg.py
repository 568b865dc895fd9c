"""The pieces of a static SVG that needs no script: elements, axes, marks; colours follow the page's theme."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

WIDTH, HEIGHT = 460, 310
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 44
DASHES = {
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
MARK_PX = 5.0


class Axis:
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


def frame(across: Axis, up: Axis, x_title: str, y_title: str) -> Markup:
    """Grid, ticks and titles of a chart of the usual height."""
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for value in up.ticks():
        y = up.at(value)
        parts.append(element("line", {"class": "grid", "x1": LEFT, "x2": right, "y1": y, "y2": y}))
        parts.append(element("text", {"x": LEFT - 6, "y": y + 4, "text-anchor": "end"}, number_text(value)))
    parts += [
        element("line", {"class": "axis", "x1": LEFT, "x2": right, "y1": bottom, "y2": bottom}),
        ticks_below(across, bottom),
        element(
            "text", {"class": "title", "x": (LEFT + right) / 2, "y": HEIGHT - 6, "text-anchor": "middle"}, x_title
        ),
        element("text", {
            "class": "title", "text-anchor": "middle", "transform": f"translate(12 {(TOP + bottom) / 2}) rotate(-90)",
        }, y_title),
    ]
    return Markup("").join(parts)


def ticks_below(across: Axis, bottom: float) -> Markup:
    return Markup("").join(
        element("text", {"x": across.at(value), "y": bottom + 17, "text-anchor": "middle"}, number_text(value))
        for value in across.ticks()
    )


def mark(symbol: str, x: float, y: float, colour: str, *, title: str = "") -> Markup:
    corners = _CORNERS.get(symbol)
    if corners is None:
        return element("circle", {"cx": x, "cy": y, "r": MARK_PX, "fill": colour}, title=title)
    points = " ".join(f"{x + MARK_PX * dx:.2f},{y + MARK_PX * dy:.2f}" for dx, dy in corners)
    return element("polygon", {"points": points, "fill": colour}, title=title)


def ink(colour: str) -> str:
    return colour or "currentColor"


def number_text(value: float) -> str:
    return f"{value:,.10g}" if abs(value) >= 1e-4 or not value else f"{value:.0e}"


def picture(parts: Sequence[Markup], *, title: str, description: str, height: float) -> Markup:
    """The whole chart, named by its title and told in words by its description, for whoever does not see it."""
    attributes = {
        "viewBox": f"0 0 {WIDTH} {height:g}", "role": "img", "aria-label": title, "aria-description": description,
        "class": "chart",
    }
    told = element("title", {}, title) + element("desc", {}, description)
    return opened("svg", attributes) + told + Markup("").join(parts) + Markup("</svg>")


LEGEND_ROW_PX = 18


def legend(entries: Sequence[tuple[str, str, str, str]], *, top: float) -> tuple[Markup, float]:
    """Names below a chart, each behind its line and mark, and the height they take.

    `entries` are (name, colour, mark or nothing, dash or nothing); short names stand side by side.
    """
    columns = 2 if all(text_px(name) < WIDTH / 2 - 40 for name, *_ in entries) else 1
    rows, parts = -(-len(entries) // columns), []
    for number, (name, colour, symbol, dash) in enumerate(entries):
        x = 8 + (number // rows) * (WIDTH / columns)
        y = top + LEGEND_ROW_PX * (number % rows) + 9
        if dash:
            parts.append(line_of(x, x + 26, y, colour, dash=dash))
        if symbol:
            parts.append(mark(symbol, x + 13, y, ink(colour)))
        parts.append(element("text", {"class": "label", "x": x + 32, "y": y + 4}, name))
    return Markup("").join(parts), LEGEND_ROW_PX * rows + 4


def line_of(x1: float, x2: float, y: float, colour: str, *, dash: str = "solid") -> Markup:
    attributes: dict[str, object] = {
        "x1": x1, "x2": x2, "y1": y, "y2": y, "stroke": ink(colour), "stroke-width": 2
    }
    if pattern := DASHES.get(dash, ""):
        attributes["stroke-dasharray"] = pattern
    return element("line", attributes)


def text_px(text: str, *, size_px: float = 12.0) -> float:
    """About as wide as a text is drawn: East Asian characters take a whole square, others half of one."""
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    return size_px * (wide + 0.56 * (len(text) - wide))


def cut_to(text: str, most_px: float, *, size_px: float = 12.0) -> str:
    """The text, shortened until it fits."""
    if text_px(text, size_px=size_px) <= most_px:
        return text
    while text and text_px(f"{text}…", size_px=size_px) > most_px:
        text = text[:-1]
    return f"{text.rstrip()}…"


def opened(tag: str, attributes: Mapping[str, object]) -> Markup:
    written = "".join(f' {name}="{escape(_plain(value))}"' for name, value in attributes.items())
    return Markup(f"<{tag}{written}>")


def _plain(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def element(tag: str, attributes: Mapping[str, object], text: str = "", *, title: str = "") -> Markup:
    """One element; its text, and the title that a pointer shows, are escaped."""
    told = Markup("<title>{}</title>").format(title) if title else Markup("")
    return opened(tag, attributes) + told + escape(text) + Markup(f"</{tag}>")
