"""The evidence for an experiment's verdict: panels by question, each with what it shows and what it does not."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.language import _
from distill_core.rows import ExperimentView
from distill_core.signature import Task
from pages.ui import address, places
from pages.ui.around import show_around
from pages.ui.evidence.panel import GROUPS, Panel, panels
from pages.ui.guard import guarded
from pages.ui.one_experiment import chosen_experiment, offer_a_new_one
from pages.ui.session import lab


def without_meaning(task: Task) -> str:
    """The beginning of the sentence that names the panels a task has no use for."""
    if task == "regression":
        return _("Left out, for they have no meaning for a regression: {titles}.")
    return _("Left out, for they have no meaning for a tagging: {titles}.")


def chosen_group(fitting: tuple[Panel, ...]) -> str:
    """The group that is open; an address may also name a panel of it."""
    named = {panel.name: panel.group for panel in fitting}
    told = st.query_params.get("panel", "")
    if told in named:
        st.query_params["panel"] = named[told]
    groups = list(dict.fromkeys(str(panel.group) for panel in fitting))
    titles: dict[str, str] = {name: title for name, title in GROUPS.items()}
    address.read("panel", default=groups[:1], allowed=groups, single=True)
    found: str = st.segmented_control(
        _("Evidence about"), groups, key="panel", required=True, wrap=True, label_visibility="collapsed",
        format_func=lambda group: _(titles[group]), help=_("Which question the panels below answer."),
    ) or groups[0]
    address.write("panel", [found], default=groups[:1])
    return found


def show_panel(panel: Panel, view: ExperimentView) -> None:
    """Its title and its two sentences always; trouble in it spoils no other."""
    with st.container(border=True, key=f"panel-{panel.name}"):
        st.header(_(panel.title), anchor=False)
        st.markdown(f":material/visibility: {_('Shows:')} {markdown_text(_(panel.shows))}")
        st.caption(f":material/visibility_off: {_('Does not show:')} {markdown_text(_(panel.hides))}")
        with guarded():
            panel.draw(view)


def show(experiment_id: str) -> None:
    view = lab().experiment(experiment_id)
    show_around(view, places.EVIDENCE)
    st.title(_("Evidence"), anchor=False)
    if not any(run.score is not None for run in view.runs):
        st.info(
            _("No run of this experiment has been tested yet; the evidence appears with the first."),
            icon=":material/hourglass:",
        )
        return
    fitting = tuple(panel for panel in panels() if view.task in panel.tasks)
    group = chosen_group(fitting)
    for panel in fitting:
        if panel.group == group:
            show_panel(panel, view)
    if others := [_(panel.title) for panel in panels() if view.task not in panel.tasks]:
        st.caption(markdown_text(without_meaning(view.task).format(titles=", ".join(others))))


if chosen_id := chosen_experiment(
    places.EVIDENCE, title=_("Evidence"),
    about=_("What stands behind a verdict: how sure it is, what is gained, what is lost, and where."),
    help=_("Those with trained models, newest first."),
    offer=lambda: offer_a_new_one(_("There is no experiment with a tested model yet.")),
):
    show(chosen_id)
