"""One sweep: its live map and other figures, the best so far, any trial, and what can be done with it."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.errors import DamagedFile
from distill_core.language import _, counted
from distill_core.sweep_rows import SweepResults
from pages.sweeps import figure, heading, numbers, states, table, trials
from pages.ui import places
from pages.ui.guard import tell
from pages.ui.live_figure.watching import results_now
from pages.ui.session import lab


def now(sweep_id: str) -> SweepResults:
    return results_now(lab(), sweep_id)[1]


def stage(results: SweepResults) -> tuple[object, ...]:
    """What the parts that are drawn once depend on; when it changes the page is drawn again."""
    row = results.row
    return row.state, row.reason, row.trials, row.experiment_ids


@st.fragment(run_every="2s", key="sweep-numbers-live")
def numbers_live(sweep_id: str, drawn: tuple[object, ...]) -> None:
    """Counts and times while it goes on; once it has moved on, the whole page follows."""
    results = now(sweep_id)
    if stage(results) != drawn:
        st.rerun()
    numbers.show_numbers(results)


@st.fragment(run_every="2s", key="sweep-best-live")
def best_live(sweep_id: str) -> None:
    trials.show_best(now(sweep_id))


@st.fragment(run_every="2s", key="sweep-trial-live")
def trial_live(sweep_id: str, number: int) -> None:
    trials.show_trial(now(sweep_id), number)


@st.fragment(run_every="4s", key="sweep-table-live")
def table_live(sweep_id: str) -> None:
    table.show_trials(now(sweep_id))


def settings(results: SweepResults) -> None:
    """What was asked for."""
    spec = results.row.spec
    with st.expander(_("Settings"), icon=":material/tune:", key="sweep-settings"):
        lines = [markdown_text(states.axis_in_words(axis)) for axis in spec.axes]
        lines.append(counted("{number} seed each", "{number} seeds each", len(spec.base.seeds)))
        lines.append(_("Method: {method}").format(method=_(states.METHODS[spec.method.kind])))
        st.markdown("\n".join(f"- {line}" for line in lines))
        st.json(spec.to_json(), expanded=1)


def show(sweep_id: str) -> None:
    try:
        results = now(sweep_id)
    except DamagedFile as error:
        # What can be done with the sweep as a whole stays possible.
        heading.header(lab().sweeps.find(sweep_id))
        tell(error)
        return
    row, going = results.row, results.row.going
    chosen = trials.chosen_trial(results)
    # Always the same containers: were the figure to change its place, it would be mounted anew and lose its zoom.
    top, middle = st.container(), st.container()
    with top:
        heading.header(row)
    with middle:
        numbers_live(sweep_id, stage(results)) if going else numbers.show_numbers(results)
        numbers.show_rounds(results)
    left, right = st.columns([2, 1], gap="medium")
    with left:
        figure.show_figure(results, chosen=chosen)
    with right:
        best_live(sweep_id) if going else trials.show_best(results)
        number = trials.choose_trial(results)
        if number is not None:
            trial_live(sweep_id, number) if going else trials.show_trial(results, number)
    table_live(sweep_id) if going else table.show_trials(results)
    settings(results)


chosen_id = st.query_params.get("id", "")
if chosen_id:
    show(chosen_id)
else:
    st.title(_("Sweep"), anchor=False)
    st.info(_("The address names no sweep. Choose one from the list."), icon=":material/search:")
    places.link(places.SWEEPS, _("All sweeps"), icon=":material/arrow_back:")
