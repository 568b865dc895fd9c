"""Names and looks of examined networks, the same as in every other chart of the experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from distill_core.charts.names import display_name
from distill_core.charts.style import GREEN, GREY, PURPLE, Theme
from distill_core.charts.variants import series_styles
from distill_core.examined import Examined
from distill_core.language import _
from distill_core.rows import RunRow

_LONGEST = 32


@dataclass(frozen=True)
class Look:
    """How one network is drawn; `name` is escaped for Plotly."""

    name: str
    color: str
    dash: str
    symbol: str


def looks(found: Examined, runs: Sequence[RunRow], theme: Theme) -> dict[str, Look]:
    """The look of every examined network by its run id."""
    styles = series_styles(runs, theme)
    result: dict[str, Look] = {}
    # Colours that no float network of the chart has.
    spare = [colour for colour in (GREEN, PURPLE, GREY) if colour not in {
        styles[one.run_id]["color"] for one in found.networks if one.run_id in styles and one.role != "compressed"
    }]
    for one in found.networks:
        if one.role != "compressed" and one.run_id in styles:
            style = styles[one.run_id]
            result[one.run_id] = Look(display_name(one.name, _LONGEST), style["color"], style["dash"], style["symbol"])
        elif one.role != "compressed":
            result[one.run_id] = Look(display_name(one.name, _LONGEST), GREY, "solid", "circle")
        else:
            origin = next((other.name for other in found.networks if other.run_id == one.of), one.name)
            name = _("{network}, int8").format(network=display_name(origin, _LONGEST - 6))
            color = spare.pop(0) if spare else GREY
            result[one.run_id] = Look(name, color, "dashdot", "triangle-left")
    return result


def shown_layer(name: str) -> str:
    """A layer's name as code has it; the answer in words."""
    return _("answer") if name == "answer" else name
