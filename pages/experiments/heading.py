"""The head of an experiment's page: name, state, where its results lead, and what can be done with it."""

from __future__ import annotations

import streamlit as st

from distill_core.access import NotAllowed
from distill_core.charts.names import markdown_name, markdown_text
from distill_core.errors import Conflict
from distill_core.language import _, told
from distill_core.rows import ExperimentView
from pages.ui import account, notes_panel, places, queue_line, undo, words
from pages.ui.around import results_of
from pages.ui.session import lab
from pages.ui.sharing.dialog import share_button

_MORE = "more"


def header(view: ExperimentView) -> None:
    """Name, state, the ways to its results, and the rarer doings behind a button of their own."""
    row = view.row
    word, icon, colour = words.state(row.state)
    _back(row.experiment_id)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title(markdown_name(row.name, 80), anchor=False, width="content")
        st.badge(word, icon=icon, color=colour, help=_("The state of the experiment's background job."))
    with st.container(horizontal=True, gap="small", key="doings"):
        _course(view)
        for found in results_of(view):
            if st.button(_(found.title), icon=found.icon, key=found.place, help=_(found.help)):
                places.go(found.place, id=row.experiment_id)
        if st.button(_("Same as … but"), icon=":material/content_copy:", key="same",
                     help=_(
                         "Opens this experiment's settings to change some. What stays the same is not trained again."
                     )):
            places.go(places.NEW, **{"from": row.experiment_id})
        with st.popover(_("More"), icon=":material/more_horiz:", key=_MORE, on_change="rerun"):
            _more(view)
    if row.reason and row.state in ("failed", "lost", "cancelled"):
        say = st.error if row.state == "failed" else st.warning
        say(markdown_text(told(row.reason)), icon=icon)
    queue_line.show_place(row)
    queue_line.offer_half_the_batch(row)


def _back(experiment_id: str) -> None:
    """To the list, and to the sweep that the experiment trains trials of."""
    with st.container(horizontal=True, gap="small"):
        places.link(places.HOME, _("All experiments"), icon=":material/arrow_back:")
        if (found := lab().sweeps.of_experiment(experiment_id)) is not None:
            places.link(
                places.SWEEP, _("The sweep it belongs to"), icon=":material/grid_on:", id=found[0],
                help=_("Its variants are trials of a sweep; the map of all of them is there."),
            )


def _course(view: ExperimentView) -> None:
    """To stop it, or to let it go on."""
    row = view.row
    mine = account.may_change(row.owner)
    if row.state in ("queued", "starting", "running", "lost"):
        st.button(
            _("Stop"), icon=":material/stop_circle:", key="stop", on_click=_act, args=("stop", row.experiment_id),
            disabled=not mine, help=_(
                "Saves a checkpoint, tests what is trained and keeps it usable. Resume continues exactly there."
            ) if mine else account.why_not(row.owner),
        )
    elif row.state == "stopping":
        st.button(
            _("Stopping …"), icon=":material/stop_circle:", key="stopping", disabled=True,
            help=_("The worker saves a checkpoint and tests what it has."),
        )
    elif row.state in ("cancelled", "failed"):
        st.button(
            _("Resume"), icon=":material/play_circle:", key="resume", type="primary", on_click=_act,
            args=("resume", row.experiment_id), disabled=not mine,
            help=_("Continues from the last checkpoint.") if mine else account.why_not(row.owner),
        )


def _act(action: str, experiment_id: str) -> None:
    """Stop or resume; a press that came too late is told in a sentence."""
    try:
        lab().stop(experiment_id) if action == "stop" else lab().resume(experiment_id)
    except (Conflict, NotAllowed) as error:
        st.toast(markdown_text(told(error.sentence)), icon=":material/info:")


def _fold() -> None:
    """Closes the rarer doings, which would stay open above the dialog that was asked for."""
    st.session_state[_MORE] = False


def _more(view: ExperimentView) -> None:
    """What is done now and then."""
    row = view.row
    mine, active = account.may_change(row.owner), row.state in words.ACTIVE
    if not active and any(run.score is not None for run in view.runs) and st.button(
        _("Compress"), icon=":material/compress:", key="compress", type="tertiary",
        help=_("Prunes, fine-tunes and quantizes what is trained here, in a new experiment; nothing is trained again."),
    ):
        places.go(places.COMPRESS, **{"from": row.experiment_id})
    if st.button(
        _("Compare"), icon=":material/compare_arrows:", key="compare", type="tertiary",
        help=_("Side by side with other experiments."),
    ):
        places.go(places.COMPARE, ids=row.experiment_id)
    if st.button(
        _("Sweep this"), icon=":material/grid_on:", key="sweep-this", type="tertiary",
        help=_("Trains one of its students over a whole map of settings."),
    ):
        places.go(places.NEW_SWEEP, experiment=row.experiment_id)
    share_button(view, on_click=_fold)
    notes_panel.note_button(view, on_click=_fold)
    if not active and st.button(
        _("Delete"), icon=":material/delete:", key="delete", type="tertiary", disabled=not mine,
        help=_("Takes it off the list; it can be undone.") if mine else account.why_not(row.owner),
    ):
        undo.EXPERIMENTS.remove(row.experiment_id, row.name)
        places.go(places.HOME)
