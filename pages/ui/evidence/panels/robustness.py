"""How much each network keeps while its inputs are disturbed more and more."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.charts.robustness import TITLES, robustness
from distill_core.examined import Robustness
from distill_core.language import _, marked
from distill_core.rows import ExperimentView
from pages.ui import places, results
from pages.ui.evidence.examining import found_or_offer, made_here, show_limits
from pages.ui.evidence.panel import Panel


def draw(view: ExperimentView) -> None:
    found = found_or_offer(view, Robustness, leads=True)
    if found is None:
        return
    kinds = ", ".join(dict.fromkeys(_(TITLES.get(curve.kind, curve.kind)) for curve in found.curves))
    results.show_chart(
        robustness(found, view.runs, theme=results.theme()), key="robustness", file_name="robustness",
        alt=_("Accuracy of each network by strength of the disturbance: {kinds}").format(kinds=kinds),
    )
    show_limits(found)
    if made_here(found) is not None:
        st.caption(markdown_text(_("The int8 file was made for this comparison alone; compress the experiment to "
                                   "ship one.")))
        places.link(places.COMPRESS, _("Compress"), icon=":material/compress:", **{"from": view.row.experiment_id})


PANEL = Panel(
    name="robustness", title=marked("Disturbed inputs"), group="robust", place=10,
    shows=marked(
        "How much of its accuracy each network keeps while the same test samples are disturbed in five strengths."
    ),
    hides=marked(
        "Disturbances of other kinds, attacks that look for weak spots, and how often any of them occur where you use "
        "it; one seed, so small gaps may be chance."
    ),
    draw=draw,
)
