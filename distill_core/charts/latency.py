"""Charts of the latency lab: p50 with a whisker to the p95 a model and machine, and how all single times spread."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from distill_core.charts.names import display_name, lineage_name, plain_name
from distill_core.charts.style import (
    BLUE,
    GREEN,
    GREY,
    MOST_SERIES,
    ORANGE,
    PURPLE,
    SKY,
    THEMES,
    VERMILLION,
    Theme,
    add_caption,
    apply_style,
    empty_figure,
    faint,
    hover,
    seen_on,
)
from distill_core.charts.tradeoff import log_ticks
from distill_core.charts.variants import SeriesStyle
from distill_core.rows import MeasuredRow

_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY)
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "pentagon")
_PROVIDERS = {
    "CPUExecutionProvider": "processor", "CUDAExecutionProvider": "NVIDIA GPU (CUDA)",
    "TensorrtExecutionProvider": "NVIDIA GPU (TensorRT)", "ROCMExecutionProvider": "AMD GPU (ROCm)",
    "MIGraphXExecutionProvider": "AMD GPU (MIGraphX)", "DmlExecutionProvider": "GPU (DirectML)",
    "CoreMLExecutionProvider": "Apple (CoreML)", "NnapiExecutionProvider": "Android (NNAPI)",
    "QNNExecutionProvider": "Qualcomm (QNN)", "OpenVINOExecutionProvider": "Intel (OpenVINO)",
    "DnnlExecutionProvider": "processor (oneDNN)", "XnnpackExecutionProvider": "processor (XNNPACK)",
    "ACLExecutionProvider": "processor (Arm Compute Library)",
}
_BINS = 80
_ROW_PX, _SPREAD_PX = 26, 64


def provider_title(provider: str) -> str:
    """What computes, in words; unknown ones as ONNX Runtime calls them, not escaped."""
    return _PROVIDERS.get(provider, plain_name(provider).removesuffix("ExecutionProvider"))


def conditions(rows: Sequence[MeasuredRow]) -> list[tuple[int, int]]:
    """All (batch, threads) among the rows, smallest first: what a page can offer."""
    return sorted({(row.batch, row.threads) for row in rows})


def series_names(rows: Sequence[MeasuredRow]) -> dict[str, str]:
    """What each result is called, by its id: its machine, and whatever tells it from others of the same machine.

    Not escaped. Of two alike the later one is numbered.
    """
    firsts = {row.result_id: row for row in rows}
    several = len({row.provider for row in firsts.values()}) > 1
    mixed = len({row.io_binding for row in firsts.values()}) > 1
    names: dict[str, str] = {}
    for result_id, row in firsts.items():
        name = plain_name(row.machine, 60)
        if several:
            name += f", {provider_title(row.provider)}"
        if mixed:
            name += ", with IO binding" if row.io_binding else ", no IO binding"
        number, shown = 1, name
        while shown in names.values():
            number += 1
            shown = f"{name} ({number})"
        names[result_id] = shown
    return names


def latency_dots(rows: Sequence[MeasuredRow], *, batch: int, threads: int, theme: Theme) -> go.Figure:
    """A block a model, in it a row a result: the p50 in milliseconds with a whisker to the p95.

    Only rows of exactly that batch size and thread count. The axis is logarithmic where the range exceeds tenfold.
    """
    names = series_names(rows)
    chosen = [row for row in rows if (row.batch, row.threads) == (batch, threads)]
    kept = list(names)[:MOST_SERIES]
    shown = [row for row in chosen if row.result_id in kept]
    if not shown:
        return empty_figure(f"Nothing was measured at {_conditions(batch, threads)} yet.", theme)
    fig = go.Figure()
    models = list(dict.fromkeys(row.model for row in shown))
    place, places = 0.0, dict[tuple[str, str], float]()
    for model in models:
        fig.add_annotation(
            text=f"<b>{display_name(lineage_name(model, 44), 44)}</b>", xref="paper", x=0, xanchor="left", y=place,
            yanchor="middle",
            font={"color": THEMES[theme].text, "size": 12},
        )
        for result_id in kept:
            if any(row.model == model and row.result_id == result_id for row in shown):
                place += 1
                places[model, result_id] = place
        place += 1.25
    for number, result_id in enumerate(kept):
        mine = [row for row in shown if row.result_id == result_id]
        if mine:
            _add_series(fig, mine, number, name=names[result_id], places=places, theme=theme)
    _time_axis(
        fig, [row.p50 for row in shown] + [row.p95 for row in shown],
        title=f"ONNX latency p50, ms a batch ({_conditions(batch, threads)})", from_zero=True,
    )
    fig.update_yaxes(range=[place - 0.7, -0.6], visible=False)
    fig.update_layout(height=110 + round(_ROW_PX * place) + 22 * len(kept), legend_itemsizing="constant")
    notes = ["Whisker: p95."]
    if len({row.machine for row in shown}) == 1:
        notes.append(f"Machine: {plain_name(shown[0].machine, 80)}; computed on: {provider_title(shown[0].provider)}.")
    if missing := len({row.result_id for row in rows}) - len({row.result_id for row in shown}):
        notes.append(
            f"{missing} {'result has' if missing == 1 else 'results have'} nothing at {_conditions(batch, threads)}."
        )
    add_caption(fig, [" ".join(notes)])
    return apply_style(fig, theme)


def latency_spread(
    rows: Sequence[MeasuredRow], *, batch: int, threads: int, theme: Theme,
    looks: Mapping[str, SeriesStyle] | None = None,
) -> go.Figure:
    """A histogram of every single time of one result, a row a model, with lines at p50 and p95.

    `looks` by run id give the models the colours of all other charts. Times beyond the slowest model's p99 are left out
    and counted under the chart.
    """
    shown = [row for row in rows if (row.batch, row.threads) == (batch, threads)][:MOST_SERIES]
    if not shown:
        return empty_figure(f"Nothing was measured at {_conditions(batch, threads)} yet.", theme)
    fig = go.Figure()
    every = np.concatenate([row.samples_ms for row in shown])
    low, high = float(every.min()), max(row.p99 for row in shown)
    logarithmic = high > 10 * low
    edges = np.geomspace(low, high, _BINS + 1) if logarithmic else np.linspace(low, high, _BINS + 1)
    for number, row in enumerate(shown):
        look = (looks or {}).get(row.run_id)
        colour = look["color"] if look else seen_on(theme, _COLOURS[number % len(_COLOURS)])
        _add_spread(fig, row, number, edges, colour=colour, theme=theme)
    _time_axis(fig, [low, high], title=f"Single times, ms a batch ({_conditions(batch, threads)})")
    fig.update_yaxes(range=[len(shown) - 0.95, -0.95], visible=False)
    fig.update_layout(height=80 + _SPREAD_PX * len(shown), showlegend=False)
    beyond = int((every > high).sum())
    notes = ["Height: how many of the times. Line: p50. Dashed: p95."]
    if beyond:
        notes.append(f"{beyond:,} of {len(every):,} times are beyond {high:.3g} ms and not drawn.")
    add_caption(fig, [" ".join(notes)])
    return apply_style(fig, theme)


def _add_series(
    fig: go.Figure, rows: Sequence[MeasuredRow], number: int, *, name: str, places: Mapping[tuple[str, str], float],
    theme: Theme,
) -> None:
    colour = seen_on(theme, _COLOURS[number]) if number < len(_COLOURS) else THEMES[theme].text
    whisker = {
        "type": "data", "symmetric": False, "array": [row.p95 - row.p50 for row in rows],
        "arrayminus": [0.0] * len(rows), "color": colour, "thickness": 1.5, "width": 5,
    }
    facts = [
        [
            display_name(lineage_name(row.model, 60), 60), display_name(provider_title(row.provider)),
            f"{row.p50:.3g} ms",
            f"{row.p95:.3g} ms", f"{row.p99:.3g} ms", f"{row.samples_per_second:,.0f}",
            "with" if row.io_binding else "without", f"{len(row.samples_ms):,}",
        ]
        for row in rows
    ]
    lines = [
        ("model", "%{customdata[0]}"), ("p50", "%{customdata[2]}"), ("p95", "%{customdata[3]}"),
        ("p99", "%{customdata[4]}"), ("samples/s", "%{customdata[5]}"), ("on", "%{customdata[1]}"),
        ("IO binding", "%{customdata[6]}"), ("repeats", "%{customdata[7]}"),
    ]
    fig.add_scatter(
        x=[row.p50 for row in rows], y=[places[row.model, row.result_id] for row in rows], mode="markers",
        name=display_name(name, 60), customdata=facts, error_x=whisker,
        marker={
            "color": colour, "symbol": _SYMBOLS[number % len(_SYMBOLS)], "size": 11,
            "line": {"width": 1, "color": THEMES[theme].background},
        },
        hovertemplate=hover(lines, heading="%{fullData.name}"), showlegend=True,
    )


def _add_spread(
    fig: go.Figure, row: MeasuredRow, number: int, edges: np.ndarray, *, colour: str, theme: Theme
) -> None:
    counts, _ = np.histogram(row.samples_ms, edges)
    heights = 0.62 * counts / max(int(counts.max()), 1)
    name = display_name(lineage_name(row.model, 44), 44)
    fig.add_scatter(
        x=np.repeat(edges, 2), y=number - np.concatenate([[0], np.repeat(heights, 2), [0]]), mode="lines",
        line={"color": colour, "width": 1}, fill="toself", fillcolor=faint(colour, 0.3), hoverinfo="skip",
    )
    # What is pointed at are bins, not the corners of the outline.
    fig.add_scatter(
        x=(edges[:-1] + edges[1:]) / 2, y=number - heights, mode="markers", marker={"color": colour, "opacity": 0},
        customdata=np.stack([edges[:-1], edges[1:], counts], axis=1),
        hovertemplate=hover(
            [("from", "%{customdata[0]:.3g} ms"), ("to", "%{customdata[1]:.3g} ms"), ("times", "%{customdata[2]}")],
            heading=name,
        ),
    )
    for value, dash in ((row.p50, "solid"), (row.p95, "dash")):
        if value <= edges[-1]:
            fig.add_scatter(
                x=[value, value], y=[number, number - 0.66], mode="lines", hoverinfo="skip",
                line={"color": THEMES[theme].text, "width": 1.5, "dash": dash},
            )
    fig.add_annotation(
        text=f"<b>{name}</b> p50 {row.p50:.3g} ms, p95 {row.p95:.3g} ms", xref="paper", x=0, xanchor="left",
        y=number - 0.8, yanchor="middle", font={"color": THEMES[theme].text, "size": 12},
    )


def _time_axis(fig: go.Figure, values: Sequence[float], *, title: str, from_zero: bool = False) -> None:
    fig.update_xaxes(title_text=title, showgrid=True)
    low, high = min(values), max(values)
    if high <= 10 * low:
        fig.update_xaxes(range=[0 if from_zero else low - 0.02 * (high - low), high * 1.06])
        return
    margin = 0.06 * math.log10(high / low)
    start, end = math.log10(low) - margin, math.log10(high) + margin
    fig.update_xaxes(type="log", range=[start, end], **log_ticks(start, end))


def _conditions(batch: int, threads: int) -> str:
    return f"batch {batch}, {threads} thread{'' if threads == 1 else 's'}"
