"""Which student's classes two panels show: one choice for both."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import plain_name
from distill_core.evidence import Changes
from distill_core.language import _
from distill_core.rows import ExperimentView
from pages.ui import address
from pages.ui.session import lab


def chosen_changes(view: ExperimentView, *, key: str) -> Changes | None:
    """At first the distilled student that gained most; None, which is told, where nothing can be compared."""
    found = {changes.student: changes for changes in lab().evidence.changes(view)}
    if not found:
        st.info(
            _("No student has yet finished on the same seed as the same network trained alone."),
            icon=":material/hourglass:",
        )
        return None
    distilled = {run.name for run in view.runs if run.role == "student"}
    # Ids in the address, never names.
    ids = {run.run_id: run.name for run in reversed(view.runs) if run.name in found and run.role != "compressed"}
    first = {name: run_id for run_id, name in ids.items()}
    best = max(found, key=lambda name: (name in distilled, sum(one.mean for one in found[name].classes)))
    options = [first[name] for name in found]
    if len(options) == 1:
        return found[best]
    address.read(key, default=[first[best]], allowed=options, single=True)
    chosen = st.selectbox(
        _("Student"), options, key=key, format_func=lambda run_id: plain_name(ids[run_id]), width=360,
        help=_("Whose classes are compared with those of the same network trained alone."),
    )
    address.write(key, [chosen], default=[first[best]])
    return found[ids[chosen]]
