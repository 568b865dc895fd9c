"""Draws a row for each class, or a panel for each figure of a staircase, as static SVG: see svg.py."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from distill_core.report.svg import (
    WIDTH,
    Axis,
    cut_to,
    element,
    ink,
    legend,
    mark,
    picture,
    text_px,
    ticks_below,
)

_TOP, _BELOW, _ROW_PX, _LABEL_PX = 8, 44, 24, 132
_PANEL_PX, _TITLE_PX, _STEP_LINE_PX = 74, 20, 13


@dataclass(frozen=True)
class Look:
    """How one series is drawn and what it is called; `colour` is empty for the page's own ink."""

    title: str
    colour: str
    symbol: str


@dataclass(frozen=True)
class Spot:
    """A value with the ends of its interval, where it has one, in the shown unit."""

    mean: float
    interval: tuple[float, float] | None = None


def changes_chart(
    rows: Sequence[tuple[str, Sequence[Spot | None]]], looks: Sequence[Look], *, x_title: str, title: str,
    description: str,
) -> Markup:
    """A named row each against zero, in it a mark with its interval for each look; nothing without any value."""
    spots = [spot for _, found in rows for spot in found if spot is not None]
    if not spots:
        return Markup("")
    label_px = min(_LABEL_PX, max(text_px(name) for name, _ in rows) + 14)
    across = Axis(
        [0.0, *(spot.mean for spot in spots), *(end for spot in spots for end in spot.interval or ())],
        label_px, WIDTH - 12,
    )
    bottom = _TOP + _ROW_PX * len(rows)
    zero = across.at(0)
    parts = [
        element("line", {"class": "zero", "x1": zero, "x2": zero, "y1": _TOP, "y2": bottom}),
        ticks_below(across, bottom),
        element("text", {
            "class": "title", "x": (label_px + WIDTH - 12) / 2, "y": bottom + 36, "text-anchor": "middle"
        }, x_title),
    ]
    for number, (name, found) in enumerate(rows):
        middle = _TOP + _ROW_PX * (number + 0.5)
        parts.append(element("line", {"class": "grid", "x1": label_px, "x2": WIDTH - 12, "y1": middle, "y2": middle}))
        parts.append(element("text", {
            "class": "label", "x": label_px - 8, "y": middle + 4, "text-anchor": "end"
        }, cut_to(name, label_px - 10)))
        for place, (spot, look) in enumerate(zip(found, looks, strict=True)):
            if spot is None:
                continue
            y = middle + (place - (len(looks) - 1) / 2) * 9
            if spot.interval is not None:
                low, high = (across.at(end) for end in spot.interval)
                parts.append(element("line", {
                    "x1": low, "x2": high, "y1": y, "y2": y, "stroke": ink(look.colour), "stroke-width": 1.8
                }))
            parts.append(mark(look.symbol, across.at(spot.mean), y, ink(look.colour)))
    names, names_px = legend([(look.title, look.colour, look.symbol, "") for look in looks], top=bottom + _BELOW)
    return picture([*parts, names], title=title, description=description, height=bottom + _BELOW + names_px)


@dataclass(frozen=True)
class Panel:
    """One figure after each step: its values for the height, and what is written on each tread."""

    title: str
    values: tuple[float | None, ...]
    shown: tuple[str, ...]
    from_zero: bool = True


def stairs_chart(
    steps: Sequence[str], panels: Sequence[Panel], *, colour: str, title: str, description: str
) -> Markup:
    """A panel each figure, the steps from left to right in all of them; a panel without a value is left out."""
    drawn = [panel for panel in panels if any(value is not None for value in panel.values)]
    if not drawn or not steps:
        return Markup("")
    step_px = (WIDTH - 16) / len(steps)
    parts, top = [], 0.0
    for panel in drawn:
        parts.append(element("text", {"class": "name", "x": 8, "y": top + 14}, panel.title))
        parts += _stairs(panel, top=top + _TITLE_PX, step_px=step_px, colour=colour)
        top += _TITLE_PX + _PANEL_PX + 8
    wrapped = [_wrapped(step, step_px - 6) for step in steps]
    for number, lines in enumerate(wrapped):
        for place, line in enumerate(lines):
            parts.append(element("text", {
                "class": "step", "x": 8 + step_px * (number + 0.5), "y": top + 8 + _STEP_LINE_PX * place,
                "text-anchor": "middle",
            }, line))
    height = top + 8 + _STEP_LINE_PX * max(len(lines) for lines in wrapped)
    return picture(parts, title=title, description=description, height=height)


def _stairs(panel: Panel, *, top: float, step_px: float, colour: str) -> list[Markup]:
    known = [value for value in panel.values if value is not None]
    low, high = (0.0 if panel.from_zero else min(known)), max(known)
    span = (high - low) or abs(high) or 1.0
    # Room above the highest tread for what is written on it, and below the lowest unless it stands on the ground.
    room = _PANEL_PX - 18
    bottom = top + _PANEL_PX
    usable = room if panel.from_zero else room - 10

    def at(value: float) -> float:
        return round(bottom - (0 if panel.from_zero else 10) - usable * (value - low) / span, 2)

    parts = [element("line", {"class": "axis", "x1": 8, "x2": WIDTH - 8, "y1": bottom, "y2": bottom})]
    before: float | None = None
    for number, (value, shown) in enumerate(zip(panel.values, panel.shown, strict=True)):
        if value is None or not math.isfinite(value):
            before = None
            continue
        left, right, y = 8 + step_px * number, 8 + step_px * (number + 1), at(value)
        if panel.from_zero:
            parts.append(element("rect", {
                "x": left, "y": y, "width": step_px, "height": max(bottom - y, 0.5), "fill": ink(colour),
                "fill-opacity": 0.12,
            }))
        if before is not None:
            parts.append(element("line", {
                "x1": left, "x2": left, "y1": before, "y2": y, "stroke": ink(colour), "stroke-width": 2
            }))
        parts.append(element("line", {
            "x1": left, "x2": right, "y1": y, "y2": y, "stroke": ink(colour), "stroke-width": 2.5
        }))
        parts.append(element("text", {
            "class": "label", "x": (left + right) / 2, "y": y - 5, "text-anchor": "middle"
        }, cut_to(shown, step_px - 4)))
        before = y
    return parts


def _wrapped(text: str, most_px: float) -> list[str]:
    """At most three lines of a step's name."""
    lines: list[str] = []
    for word in text.split():
        if lines and text_px(f"{lines[-1]} {word}", size_px=11) <= most_px:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    shown = [cut_to(line, most_px, size_px=11) for line in lines[:3]] or [""]
    if len(lines) > 3:
        shown[-1] = cut_to(f"{shown[-1]}…", most_px, size_px=11)
    return shown
