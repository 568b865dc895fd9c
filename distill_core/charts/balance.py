"""Samples by class: how many there are to learn from and to test with, and how even they are."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from distill_core.charts.names import display_name
from distill_core.charts.style import BLUE, ORANGE, Theme, add_caption, apply_style, empty_figure, hover, seen_on

MOST_CLASSES = 24
_SPLITS = (("train", "training", BLUE, ""), ("test", "test", ORANGE, "/"))


def balance(counts: Mapping[str, Mapping[str, int]], *, theme: Theme) -> go.Figure:
    """A row a class, its training and test samples one after the other; `counts` is split -> class -> samples.

    Beyond 24 classes only the 12 largest and the 12 smallest are shown, largest on top.
    """
    totals: dict[str, int] = {}
    for by_class in counts.values():
        for name, number in by_class.items():
            totals[name] = totals.get(name, 0) + number
    if not totals:
        return empty_figure("There are no classes to count.", theme)
    # In the data's own order as long as all fit: digits from 0 to 9 are found faster than sorted by size.
    classes, notes = list(totals), _evenness(counts)
    if len(classes) > MOST_CLASSES:
        classes.sort(key=lambda name: -totals[name])
        half = MOST_CLASSES // 2
        notes.insert(0, f"The {half} largest and the {half} smallest of {len(classes)} classes.")
        classes = [*classes[:half], *classes[-half:]]
    fig = go.Figure()
    for split, word, colour, shape in _SPLITS:
        numbers = [counts.get(split, {}).get(name, 0) for name in classes]
        if not any(numbers):
            continue
        details = [[display_name(name), f"{totals[name]:,}"] for name in classes]
        fig.add_bar(
            x=numbers, y=list(range(len(classes))), orientation="h", name=word, customdata=details,
            # Stripes, so that the splits are told apart without colours as well.
            marker={
                "color": seen_on(theme, colour), "line": {"width": 0},
                "pattern": {"shape": shape, "size": 6, "solidity": 0.25},
            },
            hovertemplate=hover(
                [("class", "%{customdata[0]}"), (word, "%{x:,}"), ("in all", "%{customdata[1]}")],
                heading="%{fullData.name}",
            ),
        )
    names = [display_name(name, 24) for name in classes]
    fig.update_yaxes(
        tickvals=list(range(len(classes))), ticktext=names, range=[len(classes) - 0.4, -0.6], showgrid=False,
        ticklabelstandoff=6,
    )
    fig.update_xaxes(title_text="Samples", showgrid=True, tickformat=",d", rangemode="tozero")
    fig.update_layout(barmode="stack", bargap=0.35, height=110 + 22 * len(classes), showlegend=True)
    fig.update_layout(legend={"traceorder": "normal"})
    add_caption(fig, notes)
    return apply_style(fig, theme)


def _evenness(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """What a reader must know of the class sizes, in sentences."""
    train = counts.get("train", {})
    notes = []
    if train and min(train.values()) > 0:
        ratio = max(train.values()) / min(train.values())
        notes.append(
            "The classes are even." if ratio < 1.1
            else f"The largest class has {ratio:.1f} times the training samples of the smallest."
        )
    for split, word, *_ in _SPLITS:
        others = {name for other, by_class in counts.items() if other != split for name in by_class}
        without = len(others - {name for name, number in counts.get(split, {}).items() if number > 0})
        if counts.get(split) and without:
            notes.append(f"{without} {'class has' if without == 1 else 'classes have'} no {word} samples.")
    return notes
