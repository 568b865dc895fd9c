"""Turns our SVG charts into PNG pictures, with the fonts of this machine."""

from __future__ import annotations

import unicodedata
from functools import cache

import resvg_py
from markupsafe import Markup

from distill_core.charts.style import THEMES
from distill_core.report.svg import WIDTH

WIDTH_PX = 3 * WIDTH
"""Sharp enough for paper and slides."""
_SPACE = "http://www.w3.org/2000/svg"
# A character that no font has, by design; what looks like it was not drawn.
_NOBODYS, _LATIN, _CHINESE = "\U0010fffd", "A", "损"


def png(picture: Markup) -> bytes:
    """A chart of svg.py on white, in the light theme's colours."""
    colours = THEMES["light"]
    drawing = str(picture).replace("<svg ", f'<svg xmlns="{_SPACE}" color="{colours.text}" ', 1)
    # A font that has both, where there is one: the renderer would take a serif one for Chinese.
    family = "text { font-family: 'Noto Sans CJK SC', 'DejaVu Sans'; } " if _is_wide(drawing) else ""
    # What page.css says, without variables, which the renderer does not know.
    style = family + (
        f"text {{ fill: {colours.muted}; font-size: 12px; }} .label, .step, .name {{ fill: {colours.text}; }} "
        f".name {{ font-weight: 600; }} .step {{ font-size: 11px; }} .grid {{ stroke: {colours.grid}; }} "
        f".axis, .zero {{ stroke: {colours.muted}; }} .band {{ fill: {colours.axis}; fill-opacity: 0.4; }}"
    )
    return _rendered(drawing, style=style, width=WIDTH_PX)


def draws(text: str) -> bool:
    """Whether this machine has fonts for a text: for Latin letters, and for East Asian characters where it has any."""
    return _has_font(_LATIN) and (not _is_wide(text) or _has_font(_CHINESE))


def _is_wide(text: str) -> bool:
    return any(unicodedata.east_asian_width(one) in "WF" for one in text)


@cache
def _has_font(character: str) -> bool:
    return _one(character) != _one(_NOBODYS)


def _one(character: str) -> bytes:
    drawing = f'<svg xmlns="{_SPACE}" viewBox="0 0 32 32"><text x="4" y="26" font-size="24">{character}</text></svg>'
    return _rendered(drawing, style="", width=32)


def _rendered(drawing: str, *, style: str, width: int) -> bytes:
    found = resvg_py.svg_to_bytes(
        svg_string=drawing, style_sheet=style, background="#FFFFFF", width=width, font_family="DejaVu Sans",
        sans_serif_family="DejaVu Sans", languages=["en", "zh"],
    )
    return bytes(found)


