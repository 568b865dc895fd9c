"""The way from an experiment to its lens."""

from __future__ import annotations

import streamlit as st

from distill_core.language import _
from distill_core.rows import ExperimentView
from pages.ui import places


def lens_button(view: ExperimentView) -> None:
    """Offered where there is a tested network whose soft labels can be looked at."""
    if view.task == "classification" and any(run.score is not None for run in view.runs) and st.button(
        _("Lens"), icon=":material/lens_blur:", key="lens",
        help=_("What teacher and students think of one sample, at any temperature."),
    ):
        places.go(places.LENS, id=view.row.experiment_id)
