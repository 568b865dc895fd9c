"""Show code: a run as one file of plain PyTorch, to read and to download."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import markdown_text, plain_name
from distill_core.errors import LabError
from distill_core.language import _, told
from distill_core.rows import ExperimentView
from pages.ui.session import lab


def show_code(view: ExperimentView) -> None:
    """Folded up until somebody asks; what cannot be shown is told in a sentence."""
    runs = [run for run in view.runs if run.role != "compressed"]
    if not runs:
        return
    with st.expander(
        _("Show code"), icon=":material/code:", key="code", bind="query-params", on_change="rerun",
    ) as folded:
        if not folded.open:
            return
        number = st.selectbox(
            _("Run"), range(len(runs)), index=_first_distilled(view), key="code-run", width=360,
            format_func=lambda i: plain_name(runs[i].label),
            help=_("The file trains this run, and the teacher before it where it learns from one."),
        )
        try:
            script = lab().scripts.script(view.row.experiment_id, runs[number].run_id)
        except LabError as error:
            st.info(markdown_text(told(error.sentence)), icon=":material/code_off:")
            return
        st.caption(_(
            "One file that needs torch, numpy and scikit-learn and nothing of this lab: the same data, seeds, order, "
            "networks and losses. On the same PyTorch and the CPU its first epoch has the same training loss."
        ))
        st.download_button(
            _("Download as .py"), script.text, file_name=script.file_name, mime="text/x-python", on_click="ignore",
            icon=":material/download:", key="code-download", help=_("Run it with Python; it prints a line an epoch."),
        )
        st.code(script.text, language="python", height=480)


def _first_distilled(view: ExperimentView) -> int:
    """What most come to see."""
    runs = [run for run in view.runs if run.role != "compressed"]
    return next((number for number, run in enumerate(runs) if run.role == "student"), 0)
