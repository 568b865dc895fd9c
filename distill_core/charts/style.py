"""The house style: one look for every chart, live or finished, in light and in dark."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import plotly.graph_objects as go

Theme = Literal["light", "dark"]
MOST_SERIES = 8
FONT = '"Source Sans", "Source Sans 3", system-ui, sans-serif'
# Digits of equal width, so that the figures of a hover text stand in columns.
TABULAR_FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"

# Okabe and Ito 2008 (https://jfly.uni-koeln.de/color/). Their yellow is left out: on white it cannot be seen.
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
PURPLE, ORANGE, SKY, GREY = "#CC79A7", "#E69F00", "#56B4E9", "#7A7A7A"
# Their two palest fall short of the 3:1 that a mark needs on white, so there they are deeper, of the same hue.
_DEEPER = {ORANGE: "#C18600", SKY: "#4999C6"}


@dataclass(frozen=True)
class Colours:
    """Surfaces and inks of one theme; they match .streamlit/config.toml."""

    background: str
    raised: str
    text: str
    muted: str
    grid: str
    axis: str


THEMES: dict[Theme, Colours] = {
    "light": Colours(
        background="#FFFFFF", raised="#FFFFFF", text="#101418", muted="#5B6470", grid="#ECEFF2", axis="#C3CAD2"
    ),
    "dark": Colours(
        background="#0F1318", raised="#181D24", text="#E7EAEE", muted="#9AA4B0", grid="#20262E", axis="#3C4550"
    ),
}


def seen_on(theme: Theme, colour: str) -> str:
    """One of the colours above as it is drawn in a theme, with a contrast of 3 or more against the page."""
    return _DEEPER.get(colour, colour) if theme == "light" else colour


def live_layout(theme: Theme) -> dict[str, Any]:
    """The layout as plain JSON, for a chart drawn in the browser: `{"template": {"layout": live_layout(theme)}}`."""
    colours = THEMES[theme]
    axis: dict[str, Any] = {
        "automargin": True, "gridcolor": colours.grid, "gridwidth": 1, "linecolor": colours.axis, "linewidth": 1,
        "zeroline": False, "ticks": "", "tickfont": {"color": colours.muted, "size": 12},
        "title": {"font": {"color": colours.muted, "size": 12}, "standoff": 10},
    }
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 13, "color": colours.text},
        "colorway": [
            *(seen_on(theme, one) for one in (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY)), colours.text,
        ],
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
        "hovermode": "closest",
        "hoverlabel": {
            "align": "left", "bgcolor": colours.raised, "bordercolor": colours.axis, "namelength": -1,
            "font": {"family": TABULAR_FONT, "size": 12, "color": colours.text},
        },
        "legend": {
            "orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom", "itemsizing": "trace",
            "bgcolor": "rgba(0,0,0,0)", "font": {"color": colours.text, "size": 12}, "title": {"text": ""},
        },
        "title": {
            "x": 0, "xref": "container", "xanchor": "left", "y": 1, "yref": "container", "yanchor": "top",
            "pad": {"l": 8, "t": 8}, "font": {"color": colours.text, "size": 13, "weight": 600},
        },
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": colours.muted, "activecolor": colours.text},
        "xaxis": axis | {"showgrid": False, "showline": True},
        "yaxis": axis | {"showgrid": True, "showline": False},
        "annotationdefaults": {"font": {"color": colours.muted, "size": 12}, "showarrow": False},
    }


def apply_style(fig: go.Figure, theme: Theme) -> go.Figure:
    """Give a figure the house style, in place, and return it; show it with Streamlit's own theme off."""
    fig.update_layout(template=go.layout.Template(layout=live_layout(theme)))
    return fig


def plot_config(file_name: str, *, image: Literal["png", "svg"] = "svg") -> dict[str, Any]:
    """Plotly's settings for a page: only the useful buttons, and a named image download."""
    return {
        "displaylogo": False,
        # Plotly's own button would send the chart to its makers' servers.
        "showSendToCloud": False,
        "responsive": True,
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"],
        "toImageButtonOptions": {"format": image, "filename": file_name, "scale": 2},
    }


def empty_figure(text: str, theme: Theme) -> go.Figure:
    """No axes, one quiet sentence in the middle: what is missing."""
    fig = go.Figure()
    fig.update_layout(height=220)
    fig.update_xaxes(visible=False)
    fig.update_yaxes(visible=False)
    wrapped = "<br>".join(textwrap.wrap(text, width=48))
    fig.add_annotation(text=wrapped, xref="paper", yref="paper", x=0.5, y=0.5, font={"size": 14})
    return apply_style(fig, theme)


def add_caption(fig: go.Figure, notes: Sequence[str]) -> None:
    """Keep with the figure how it is to be read and what it leaves out, as plain text.

    A page shows it under the chart at its full width; inside, it would have to be cut to the lines of a phone.
    """
    fig.update_layout(meta={"notes": list(notes)})


def caption_of(fig: go.Figure) -> str:
    """What `add_caption` kept: plain text, not escaped; empty if there is nothing to say."""
    meta = fig.layout.meta or {}
    return " ".join(meta.get("notes", ()))


def hover(lines: Sequence[tuple[str, str]], *, heading: str) -> str:
    """A hover text: a heading, then labels and values in two columns. Values may hold Plotly's %{...}."""
    width = max((len(label) for label, _ in lines), default=0)
    body = "".join(f"<br>{label}{'&nbsp;' * (width - len(label) + 2)}{value}" for label, value in lines)
    return f"<b>{heading}</b>{body}<extra></extra>"


def faint(colour: str, opacity: float) -> str:
    """A #RRGGBB colour as rgba with the given opacity."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"
