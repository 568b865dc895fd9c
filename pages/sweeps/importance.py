"""Which settings of a sweep matter, once there are trials enough to say so."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.charts.sweep_importance import importance_bars
from distill_core.errors import Conflict
from distill_core.language import _, told
from distill_core.sweep_rows import SweepResults
from pages.ui import results as shown
from pages.ui.session import lab


def show_importance(results: SweepResults) -> None:
    """Bars of the trials so far."""
    try:
        with st.spinner(_("Working out what matters …")):
            found = lab().sweeps.importance(results.row.sweep_id)
    except Conflict as too_few:
        st.info(markdown_text(told(too_few.sentence)), icon=":material/hourglass:")
        return
    shown.show_chart(
        importance_bars(found, theme=shown.theme()), key="importance", file_name="importance",
        alt=_("Share of each setting in the differences"),
    )
