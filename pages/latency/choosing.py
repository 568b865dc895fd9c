"""Which experiments' models are looked at, and the form that measures some of them here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import streamlit as st

from distill_core.charts.latency import provider_title
from distill_core.charts.names import lineage_name, markdown_text, plain_name
from distill_core.errors import LabError, NotFound
from distill_core.language import _, marked, told
from distill_core.rows import RunRow
from pages.ui import address, guard, places, words
from pages.ui.offered import offered_experiments
from pages.ui.rivals import key_of, told_apart
from pages.ui.session import lab

MOST_CHOSEN = 8
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
WAITING = "latency-waiting"
NOTHING_YET = marked(
    "There is no exported model to measure yet. Every experiment ends by exporting its teacher and one run of each "
    "variant; the digits demo takes about a minute."
)


def pick_experiments() -> list[str]:
    """The chosen experiments, by default the newest that has an exported model; the address names them."""
    names = offered_experiments("id")
    newest = next((one for one in names if lab().latency.exported([one])), None)
    if newest is None:
        st.info(_(NOTHING_YET), icon=":material/timer:")
        places.link(places.NEW, _("New experiment with the digits demo"), icon=":material/add_circle:", preset="digits")
        return []
    address.read("id", default=_experiments_of_results() or [newest], allowed=list(names))
    chosen: list[str] = st.multiselect(
        _("Experiments"), list(names), key="id", format_func=lambda one: names[one], max_selections=MOST_CHOSEN,
        placeholder=_("Choose one or more"),
        help=_("Whose exported models are measured and shown; the address keeps it."),
    )
    # The default is written too: a link must show the same next week.
    address.write("id", chosen)
    if not chosen:
        st.info(
            _("Choose at least one experiment; its exported models are measured and shown."), icon=":material/timer:",
        )
    return chosen


def _experiments_of_results() -> list[str]:
    """Of the results that the address names, where it names no experiment."""
    found: list[str] = []
    for result_id in st.query_params.get_all("result"):
        with suppress(NotFound):
            found += [run.experiment_id for run in lab().latency.get(result_id).runs]
    return list(dict.fromkeys(found))


def run_names(runs: Sequence[RunRow]) -> dict[str, str]:
    """What each exported run is called in choosers; with its experiment where there are several."""
    several = len({run.experiment_id for run in runs}) > 1
    return told_apart({
        key_of(run): f"{lineage_name(run.label, 60)} · {plain_name(run.experiment_name, 28)}" if several
        else lineage_name(run.label, 60)
        for run in runs
    })


def show_form(runs: Sequence[RunRow]) -> None:
    """Models, conditions and the button; a measurement under way takes the button's place."""
    names, experiments = run_names(runs), sorted({run.experiment_id for run in runs})
    with st.container(border=True, key="card-measure"):
        st.header(_("Measure here"), anchor=False, help=(
            _("In a process of its own, models in turns, so that a drifting clock speed hits all alike.")
        ))
        chosen = st.multiselect(
            # Other experiments offer other models: they are part of the key.
            _("Models"), list(names), default=list(names)[:8], key=f"models-{'-'.join(experiments)}",
            format_func=lambda one: names[one], max_selections=16, placeholder=_("Choose one or more"),
            help=_("Exported runs. Those chosen are measured side by side."),
        )
        conditions = _conditions()
        active = lab().latency.active()
        if active is not None:
            progress()
            return
        obstacle = lab().latency.obstacle(conditions["provider"])
        pressed = st.button(
            _("Measure"), key="measure", type="primary", icon=":material/timer:", disabled=not chosen,
            help=_("Takes some seconds for each batch size and thread count. It waits until nothing trains here."),
        )
        if pressed:
            _begin(runs, chosen, conditions)
        elif obstacle:
            st.caption(f":material/info: {markdown_text(told(obstacle))}")
        _tell_last()


def _conditions() -> dict[str, Any]:
    providers = lab().latency.providers()
    cores = lab().latency.cores()
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        provider = st.selectbox(
            _("Computed on"), providers, key="provider", width=220, format_func=provider_title,
            help=_("The execution providers that this machine's ONNX Runtime has."),
        )
        batches = st.multiselect(
            _("Batch sizes"), BATCHES, default=[1, 32], key="batches", width=220, max_selections=8,
            help=_("Samples in one call: 1 is what a single user waits for, more is what a server does."),
        )
        threads = st.multiselect(
            _("Threads"), sorted({1, 2, 4, 8, 16, 32, cores} & set(range(1, cores + 1))), default=[1], key="threads",
            width=220, max_selections=8, help=_(
                "Threads ONNX Runtime may use; {cores} are all of this machine."
            ).format(cores=cores),
        )
        repeats = st.number_input(
            _("Repeats"), min_value=20, max_value=10_000, value=1000, step=100, key="repeats", width=140,
            help=_(
                "Timed calls a model and condition; slow models are content with fewer after 5 s, but never below 20."
            ),
        )
        warmup = st.number_input(
            _("Warm-up"), min_value=1, max_value=1000, value=10, key="warmup", width=130,
            help=_("Calls before those that are timed: the first ones allocate memory and fill caches."),
        )
        io_binding = st.toggle(
            _("IO binding"), key="io-binding",
            help=_("Inputs and answers stay in the provider's memory, so that no copy is timed. It matters on a GPU."),
        )
    return {
        "provider": provider, "batches": batches, "threads": threads, "repeats": repeats, "warmup": warmup,
        "io_binding": io_binding,
    }


def _begin(runs: Sequence[RunRow], chosen: Sequence[str], conditions: dict[str, Any]) -> None:
    picked = [(run.experiment_id, run.run_id) for run in runs if key_of(run) in chosen]
    try:
        st.session_state[WAITING] = lab().latency.begin(picked, conditions)
    except LabError as error:
        guard.tell(error)
        return
    st.rerun()


@st.fragment(run_every="0.5s")
def progress() -> None:
    """How far the measurement under way is; at its end the page runs anew."""
    active = lab().latency.active()
    if active is None:
        st.rerun()
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        elapsed = words.duration(max(0.0, time.time() - active.created_at))
        doing = markdown_text(told(active.doing)) if active.waits else _("Measuring: {doing}").format(
            doing=told(active.doing)
        )
        st.progress(active.share, text=f"{doing} · {elapsed}", width="stretch")
        st.button(
            _("Stop"), key="stop-measuring", icon=":material/stop_circle:", on_click=_stop, args=(active.id,),
            help=_("Ends it; nothing half measured is kept."),
        )


def _stop(measurement_id: str) -> None:
    try:
        lab().latency.stop(measurement_id)
    except LabError as error:
        st.toast(markdown_text(told(error.sentence)), icon=":material/info:")


def arrived() -> list[str]:
    """The id of what this tab had measured, once, when it is there; call it before any widget is drawn."""
    waiting = st.session_state.get(WAITING)
    if waiting is None or lab().latency.get(waiting).state != "ready":
        return []
    del st.session_state[WAITING]
    return [waiting]


def _tell_last() -> None:
    """Why what this tab had measured gave no result."""
    waiting = st.session_state.get(WAITING)
    if waiting is None:
        return
    found = lab().latency.get(waiting)
    if found.state == "failed":
        st.warning(markdown_text(told(found.reason)), icon=":material/info:")
    elif found.state == "stopped":
        st.caption(f":material/stop_circle: {markdown_text(told(found.reason))}")
