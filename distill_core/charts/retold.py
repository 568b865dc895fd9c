"""Says a finished figure's words again in the reader's language; names that users gave stay as they are."""

from __future__ import annotations

import re

import plotly.graph_objects as go

from distill_core.language import ENGLISH, current, told

# What stands between the words of a text for Plotly; a hover text's labels end where its spaces begin.
_MARKUP = re.compile(r"(<[^<>]*>|(?:&nbsp;)+|%\{[^{}]*\})")


def retold(fig: go.Figure) -> go.Figure:
    """Axis titles, annotations, hover texts and caption in the current language, in place; returns the figure.

    Names of series, the figure's title and what is bold are not touched: they are users' own names, or were said in
    the right language when they were made.
    """
    if current() == ENGLISH:
        return fig
    for axis in [*fig.select_xaxes(), *fig.select_yaxes()]:
        if axis.title.text:
            axis.title.text = _text(axis.title.text)
    for annotation in fig.layout.annotations:
        if annotation.text:
            annotation.text = _text(annotation.text)
    for trace in fig.data:
        template = getattr(trace, "hovertemplate", None)
        if isinstance(template, str):
            trace.hovertemplate = _text(template)
    if fig.layout.meta and "notes" in fig.layout.meta:
        fig.update_layout(meta={"notes": [told(note) for note in fig.layout.meta["notes"]]})
    return fig


def _text(text: str) -> str:
    """The words between markup, each part told by itself unless the whole is known."""
    whole = told(text)
    if whole != text:
        return whole
    parts = _MARKUP.split(text)
    return "".join(
        part if _MARKUP.fullmatch(part) or before == "<b>" else _told_part(part)
        for before, part in zip(["", *parts], parts, strict=False)
    )


def _told_part(part: str) -> str:
    words = part.strip()
    return part.replace(words, told(words)) if words else part
