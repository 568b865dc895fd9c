"""Whether the page is shown to a class: large, with a few chosen controls and without the frame."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

PRESENT, LESSON, STEP = "present", "lesson", "step"
_FONT_PX = 19
# With a title and two lines of text above, and the lectern below, on a projector of 1024 by 768.
_TALLEST_PX = 470


def is_presenting() -> bool:
    return st.query_params.get(PRESENT) == "1" and bool(st.query_params.get(LESSON))


def enlarged(figure: go.Figure) -> go.Figure:
    """The same figure with type that can be read from the last row, where one presents."""
    if not is_presenting():
        return figure
    font = {"size": _FONT_PX}
    figure.update_layout(font=font, legend_font=font, height=min((figure.layout.height or 340) * 1.25, _TALLEST_PX))
    figure.update_xaxes(tickfont=font, title_font=font)
    figure.update_yaxes(tickfont=font, title_font=font)
    figure.update_annotations(font_size=_FONT_PX)
    return figure
