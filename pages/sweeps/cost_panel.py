"""Beside the form of a sweep: its picture and size at once, its time and what is reused when asked, and Start."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from distill_core.charts.names import markdown_name, markdown_text, plain_name
from distill_core.charts.style import caption_of
from distill_core.charts.sweep_axes import values_in_words
from distill_core.charts.sweep_plan import plan_picture
from distill_core.errors import LabError, Problem
from distill_core.language import _, counted, told
from distill_core.planned import digest
from distill_core.sweep_rows import Forecast, SweepPlan
from distill_core.sweep_spec import SweepSpec
from pages.ui import account, places, starting, words
from pages.ui import results as shown
from pages.ui.guard import tell
from pages.ui.session import lab

_SLOT = "sweep-forecast"
_MOST_REFUSALS = 6


def cost_panel(plan: SweepPlan | None, problems: Sequence[Problem]) -> None:
    """`plan` is None where there are problems."""
    with st.container(border=True, key="start-panel"):
        st.markdown(_("**Before you start**"))
        if plan is None:
            st.caption(_("Mend the marked fields first."))
        else:
            _size(plan)
            # Drawn below the picture, but asked first: the picture greys what it finds refused.
            picture = st.container()
            forecast = _asked(plan.spec)
            with picture:
                _picture(plan, forecast)
                for note in plan.notes:
                    st.caption(f":material/info: {markdown_text(told(note))}")
            _cost(forecast)
        st.divider()
        if problems:
            lines = "\n".join(f"- {markdown_text(told(str(problem)))}" for problem in problems)
            st.error(lines, icon=":material/error:", title=counted(
                "{number} field to mend", "{number} fields to mend", len(problems),
            ))
        _start(plan.spec if plan else None)


def _size(plan: SweepPlan) -> None:
    seeds = len(plan.spec.base.seeds)
    with st.container(horizontal=True, gap="medium"):
        st.metric(_("Trials"), f"{plan.trials:,}", width="content", help=_(
            "Combinations that differ; those that come to the same student are made once."
        ))
        st.metric(_("Seeds"), f"{seeds}", width="content", help=_("Every trial is trained once a seed."))
        st.metric(_("Runs"), f"{plan.runs:,}", width="content", help=_(
            "At most: trials by seeds, the student alone beside them, and the teacher."
        ))
        st.metric(_("Experiments"), f"{plan.experiments:,}", width="content", help=_(
            "At most: one for each budget and for 64 variants each; of Optuna one for each batch and more seeds."
        ))


def _picture(plan: SweepPlan, forecast: Forecast | None) -> None:
    if not plan.cells:
        st.caption(_("Optuna proposes the combinations as it goes, so there is no grid to show."))
        return
    refused = {cell.number: cell.refused for cell in (*plan.cells, *(forecast.refused if forecast else ()))}
    figure = plan_picture(plan, theme=shown.theme(), refused=[number for number, why in refused.items() if why])
    alt = _("The combinations that this sweep would train")
    st.plotly_chart(figure, theme=None, key="plan", config={"staticPlot": True}, alt=alt)
    if caption := caption_of(figure):
        st.caption(markdown_text(caption))

    def listed() -> pd.DataFrame:
        return pd.DataFrame([
            {_("Trial"): cell.number + 1, _("Settings"): values_in_words(cell.values),
             _("Refused"): told(refused[cell.number])} for cell in plan.cells
        ])

    shown.show_numbers(listed, key="plan", alt=alt)


def _asked(spec: SweepSpec) -> Forecast | None:
    """The button, and its answer if it is of these settings."""
    name = digest(spec.to_json())
    if st.button(
        _("Estimate time and reuse"), key="forecast", icon=":material/speed:", width="stretch",
        help=_("Builds the networks and times a few steps in a helper process; nothing is trained."),
    ):
        with st.spinner(_("Building networks, timing steps, looking for trained runs …"), show_time=True):
            try:
                st.session_state[_SLOT] = (name, lab().sweeps.forecast(spec))
            except LabError as error:
                st.session_state.pop(_SLOT, None)
                tell(error)
    held = st.session_state.get(_SLOT)
    return held[1] if held and held[0] == name else None


def _cost(forecast: Forecast | None) -> None:
    if forecast is None:
        st.caption(
            _("How long it takes, and how many runs are trained already, is told when asked.")
            if _SLOT not in st.session_state
            else _(":material/history: The settings have changed since the last estimate.")
        )
        return
    with st.container(horizontal=True, gap="medium"):
        st.metric(_("Estimated time"), words.duration(forecast.seconds), width="content", help=_(
            "From a few real training steps on this machine; reused runs take none of it."
        ))
        st.metric(
            _("Reused"), _("{done} of {total}").format(done=forecast.reused, total=forecast.runs), width="content",
            help=_("Runs that are trained already and only taken over."),
        )
    if forecast.networks:
        st.table(pd.DataFrame({
            plain_name(network.title): {
                _("Parameters"): words.count(network.parameters), _("ONNX file"): words.size(network.size_bytes),
                _("Latency p50"): words.milliseconds(network.latency_p50_ms),
            } for network in forecast.networks
        }), border="horizontal", alt=_("Size and latency of each student network"))
    if forecast.refused:
        lines = [
            f"- {markdown_text(values_in_words(cell.values))}: {markdown_text(told(cell.refused))}"
            for cell in forecast.refused[:_MOST_REFUSALS]
        ]
        if len(forecast.refused) > _MOST_REFUSALS:
            lines.append(_("- and {number} more").format(number=len(forecast.refused) - _MOST_REFUSALS))
        st.warning("\n".join(lines), icon=":material/do_not_disturb_on:", title=counted(
            "{number} combination will not be trained", "{number} combinations will not be trained",
            len(forecast.refused),
        ))
    for note in forecast.notes:
        st.caption(f":material/info: {markdown_text(told(note))}")


def _start(spec: SweepSpec | None) -> None:
    may = account.may_launch()
    if st.button(
        _("Start"), key="start", type="primary", icon=":material/play_arrow:", width="stretch",
        disabled=spec is None or not may,
        help=_("Runs in the background; closing this tab does not stop it.") if may else account.why_not(),
    ) and spec is not None:
        try:
            sweep_id = lab().sweeps.launch(
                spec, idempotency_key=starting.pressed_key("sweep", digest(spec.to_json())),
            )
        except LabError as error:
            tell(error)
        else:
            places.go(places.SWEEP, id=sweep_id)
    if not may:
        # A help on a button that is off is never seen on a phone.
        st.caption(f":material/visibility: {markdown_name(account.why_not(), 200)}")
