"""Colour scales that are even to the eye, also of the colour-blind, and ink that can be read on them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from plotly.colors import sample_colorscale, sequential

Scale = tuple[tuple[float, str], ...]

# Viridis (van der Walt and Smith 2015) and, for what has a middle, brown over white to blue (Brewer's BrBG kind).
SEQUENTIAL: Scale = tuple((place / 9, colour) for place, colour in enumerate(sequential.Viridis))
AROUND_ZERO: Scale = (
    (0.0, "#8C510A"), (0.2, "#C58A3B"), (0.4, "#EBD9B4"), (0.5, "#F5F5F5"), (0.6, "#BFDDEE"), (0.8, "#4A9CCB"),
    (1.0, "#0B5A94"),
)
DARK_INK, LIGHT_INK = "#000000", "#FFFFFF"
# Of values that lie beyond so many times the middle half's width only the side is told: one failed cell must not take
# the colours from all others.
_FAR = 3.0


@dataclass(frozen=True)
class Span:
    """The values that the ends of a scale stand for; what lies below `low` or above `high` has the end's colour."""

    low: float
    high: float
    cut_low: bool = False
    cut_high: bool = False

    def place(self, value: float) -> float:
        """Where on the scale, 0 to 1."""
        if self.high <= self.low:
            return 0.5
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


def span_of(values: Sequence[float], *, around_zero: bool = False) -> Span:
    """The ends for these values: all of them but outliers (beyond 3 times the quartiles' distance, as in a box plot).

    `around_zero`: as far to either side of 0. Without finite values 0 to 1.
    """
    known = sorted(value for value in values if math.isfinite(value))
    if not known:
        return Span(0.0, 1.0)
    first, third = _quantile(known, 0.25), _quantile(known, 0.75)
    low_fence, high_fence = first - _FAR * (third - first), third + _FAR * (third - first)
    # Where half of the values are the same, nothing is an outlier.
    within = [value for value in known if low_fence <= value <= high_fence] if third > first else known
    low, high = within[0], within[-1]
    cut = (known[0] < low, known[-1] > high)
    if around_zero:
        reach = max(abs(low), abs(high)) or 1.0
        return Span(-reach, reach, *cut)
    return Span(low, high, *cut)


def colour_at(scale: Scale, place: float) -> str:
    """The scale's colour at 0..1 as #RRGGBB."""
    found = str(sample_colorscale([[where, colour] for where, colour in scale], [min(1.0, max(0.0, place))])[0])
    red, green, blue = _channels(found)
    return f"#{red:02X}{green:02X}{blue:02X}"


def ink_on(colour: str) -> str:
    """The ink with the higher contrast (WCAG 2) on a colour; one of the two has 4.5 or more on every colour."""
    return max((DARK_INK, LIGHT_INK), key=lambda ink: contrast(ink, colour))


def contrast(one: str, other: str) -> float:
    """The contrast of two colours by WCAG 2: 1 for the same, 21 for black on white."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    linear = [
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in (channel / 255 for channel in _channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _channels(colour: str) -> tuple[int, int, int]:
    if colour.startswith("#"):
        return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
    red, green, blue = (round(float(one)) for one in re.findall(r"[\d.]+", colour)[:3])
    return red, green, blue


def _quantile(ordered: Sequence[float], share: float) -> float:
    at = share * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])
