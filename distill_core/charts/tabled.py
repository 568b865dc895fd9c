"""The numbers of a figure as a table, for whoever cannot see it or wants to have them."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from distill_core.language import _

_MARKUP = re.compile(r"<br>|<[^<>]*>")
_DIGITS = 6


def tabled(fig: go.Figure) -> pd.DataFrame:
    """A row a mark that is drawn, with its series, its place on both axes and its bar's ends; a heat map cell by cell.

    Lines and outlines that only guide the eye (`hoverinfo="skip"`) are left out, and axes that are not shown. Positions
    with names have their names. Empty for a figure without marks.
    """
    parts = [frame for trace in fig.data if trace.hoverinfo != "skip" if not (frame := _of_trace(fig, trace)).empty]
    if not parts:
        return pd.DataFrame()
    whole = pd.concat(parts, ignore_index=True)
    return whole.drop(columns=[name for name in whole if whole[name].isna().all() or (whole[name] == "").all()])


def _of_trace(fig: go.Figure, trace: Any) -> pd.DataFrame:
    if trace.type == "heatmap":
        return pd.DataFrame(_cells(fig, trace))
    across, up = _values(trace.x), _values(trace.y)
    if across is None or up is None or len(across) != len(up):
        return pd.DataFrame()
    x_axis, y_axis = _axis(fig, trace.xaxis or "x"), _axis(fig, trace.yaxis or "y")
    columns: dict[str, Any] = {_("series"): [_plain(trace.name or "")] * len(across)}
    for axis, values, fallback in ((x_axis, across, "x"), (y_axis, up, "y")):
        if axis.visible is not False:
            columns[_plain(axis.title.text or "") or fallback] = [_named(axis, value) for value in values]
    for axis, values, bar in ((x_axis, across, trace.error_x), (y_axis, up, trace.error_y)):
        columns |= _ends(axis, values, bar) if axis.visible is not False else {}
    return pd.DataFrame(columns)


def _cells(fig: go.Figure, trace: Any) -> Iterator[dict[str, Any]]:
    x_axis, y_axis = _axis(fig, trace.xaxis or "x"), _axis(fig, trace.yaxis or "y")
    heading_x, heading_y = _plain(x_axis.title.text or "") or "x", _plain(y_axis.title.text or "") or "y"
    rows = trace.z if trace.z is not None else ()
    across, up = _values(trace.x), _values(trace.y)
    for row, values in enumerate(rows):
        for column, value in enumerate(values):
            if value is not None and np.isfinite(value):
                yield {
                    heading_y: _named(y_axis, row if up is None else up[row]),
                    heading_x: _named(x_axis, column if across is None else across[column]),
                    _plain(trace.name or "") or _("value"): _rounded(value),
                }


def _ends(axis: Any, values: Sequence[Any], bar: Any) -> dict[str, list[Any]]:
    """The ends of error bars along one axis."""
    above = _values(bar.array) if bar is not None else None
    if above is None:
        return {}
    below = _values(bar.arrayminus)
    below = above if below is None else below
    title = _plain(axis.title.text or "")
    low = [_rounded(value - less) for value, less in zip(values, below, strict=True)]
    high = [_rounded(value + more) for value, more in zip(values, above, strict=True)]
    return {_("from, {title}").format(title=title): low, _("to, {title}").format(title=title): high}


def _axis(fig: go.Figure, reference: str) -> Any:
    return fig.layout[f"{reference[0]}axis{reference[1:]}"]


def _named(axis: Any, value: Any) -> Any:
    """A position by the name that stands at it, if one does."""
    if axis.tickvals is not None and axis.ticktext is not None and axis.type != "log":
        names = {_key(place): _plain(name) for place, name in zip(axis.tickvals, axis.ticktext, strict=False)}
        return names.get(_key(value), _rounded(value))
    return _rounded(value)


def _key(value: Any) -> Any:
    return float(value) if isinstance(value, (int, float, np.number)) else value


def _values(array: Any) -> Sequence[Any] | None:
    """A trace's numbers; Plotly keeps some of them packed as base64."""
    if isinstance(array, dict) and "bdata" in array:
        return np.frombuffer(base64.b64decode(array["bdata"]), dtype=array["dtype"]).tolist()
    return None if array is None else list(array)


def _rounded(value: Any) -> Any:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, (float, np.floating)) else value


def _plain(text: str) -> str:
    return " ".join(html.unescape(_MARKUP.sub(" ", text)).split())
