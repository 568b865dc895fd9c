"""The latency lab: exported models measured here under chosen conditions, beside what other machines told."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from distill_core.charts.names import markdown_name, plain_name
from distill_core.errors import LabError
from distill_core.jobs.latency_rows import Measurement
from distill_core.language import _, counted, told
from pages.latency import choosing, elsewhere, figures
from pages.ui import address, undo, words
from pages.ui.rivals import told_apart
from pages.ui.session import lab

RESULT = "result"
MOST_SHOWN = 8


def result_name(one: Measurement) -> str:
    models = counted("{number} model", "{number} models", len(one.runs))
    return f"{plain_name(one.machine, 40)} · {models} · {words.moment(one.created_at)}"


def pick_results(found: Sequence[Measurement], *, new: Sequence[str]) -> list[Measurement]:
    """The results to show, by default the newest; `new` ones have just come. The address names them."""
    by_id = {one.id: one for one in found}
    names = told_apart({one.id: result_name(one) for one in found})
    if unknown := [one for one in st.query_params.get_all(RESULT) if one not in names]:
        st.warning(
            _(
                "There is no result {result_id} of these experiments; it is left out."
            ).format(result_id=plain_name(unknown[0], 24)),
            icon=":material/search_off:",
        )
    address.read(RESULT, default=[found[0].id], allowed=list(names))
    kept = [one for one in st.session_state[RESULT] if one in names]
    if new:
        # A new result takes the place of earlier ones of its machine; those of other machines stay beside it.
        machines = {by_id[one].machine for one in new if one in by_id}
        kept = [*(one for one in new if one in by_id), *(one for one in kept if by_id[one].machine not in machines)]
    st.session_state[RESULT] = kept[:MOST_SHOWN]
    chosen = st.multiselect(
        _("Results"), list(names), key=RESULT, format_func=lambda one: names[one], max_selections=MOST_SHOWN,
        placeholder=_("Choose one or more"),
        help=_("All chosen results share the charts, named by their machines; the address keeps your choice."),
    )
    address.write(RESULT, chosen)
    return [by_id[one] for one in chosen]


def manage(found: Sequence[Measurement]) -> None:
    """Every result with a way to delete it."""
    with st.expander(_("All results ({count})").format(count=len(found)), icon=":material/list:", key="all-results"):
        for one in found:
            with st.container(horizontal=True, vertical_alignment="center", key=f"result-{one.id}"):
                source = _("measured here") if one.source == "here" else _("brought")
                st.markdown(f"{markdown_name(result_name(one), 120)} · :gray[{source}]", width="stretch")
                st.button(
                    _("Delete"), key=f"delete-{one.id}", icon=":material/delete:", type="tertiary",
                    on_click=delete, args=(one.id, result_name(one)),
                    help=_("Takes it off the list; this can be undone."),
                )


def delete(measurement_id: str, name: str) -> None:
    try:
        undo.LATENCY.remove(measurement_id, name)
    except LabError as error:
        st.toast(markdown_name(told(error.sentence), 200), icon=":material/info:")


def show() -> None:
    new = [*choosing.arrived(), *elsewhere.arrived()]
    undo.LATENCY.show()
    st.title(_("Latency lab"), anchor=False)
    st.caption(
        _("How long exported models take: here, under conditions you choose, and on any machine that runs Python.")
    )
    experiments = choosing.pick_experiments()
    if not experiments:
        return
    runs = lab().latency.exported(experiments)
    if not runs:
        st.info(
            _("The chosen experiments have no exported model yet. Choose others, or export a run on its experiment's "
            "page."),
            icon=":material/timer:",
        )
        return
    choosing.show_form(runs)
    elsewhere.show_elsewhere(experiments)
    found = lab().latency.all(experiment_ids=experiments)
    if not found:
        st.info(
            _("Nothing is measured yet. Choose models and conditions above and press Measure."), icon=":material/timer:"
        )
        return
    if chosen := pick_results(found, new=new):
        figures.show_figures(chosen, runs)
    manage(found)


show()
