"""The head of a sweep's page: name, state, and what can be done with it."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import markdown_name, markdown_text
from distill_core.errors import Conflict, LabError
from distill_core.language import _, counted, told
from distill_core.sweep_rows import SweepRow
from pages.sweeps import extending, states
from pages.ui import account, places, undo
from pages.ui.session import lab

_MORE = "sweep-more"


def header(row: SweepRow) -> None:
    """Name, state, its course, and the way to another sweep like it."""
    word, icon, colour = states.state(row.state)
    places.link(places.SWEEPS, _("All sweeps"), icon=":material/arrow_back:")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title(markdown_name(row.name, 80), anchor=False, width="content")
        st.badge(word, icon=icon, color=colour, help=_("The state of the whole sweep; its experiments have their own."))
    if row.deleted:
        _in_trash(row)
        return
    with st.container(horizontal=True, gap="small", key="doings"):
        _course(row)
        if not row.going:
            extending.extend_button(row)
        if st.button(_("Same as … but"), icon=":material/content_copy:", key="same",
                     help=_("Opens this sweep's settings to change some. What stays the same is not trained again.")):
            places.go(places.NEW_SWEEP, **{"from": row.sweep_id})
        if not row.going:
            with st.popover(_("More"), icon=":material/more_horiz:", key=_MORE, on_change="rerun"):
                _more(row)
    if row.state == "finished" and row.resumable:
        st.caption(":material/info: " + counted(
            "{number} of its experiments failed or was stopped. Resume trains what is missing.",
            "{number} of its experiments failed or were stopped. Resume trains what is missing.", len(row.broken_off),
        ))
    if row.reason and not row.going:
        say = st.error if row.state == "failed" else st.info
        say(markdown_text(told(row.reason)), icon=icon)
    if row.spec.shows:
        st.markdown(markdown_text(told(row.spec.shows)))


def _in_trash(row: SweepRow) -> None:
    mine = account.may_change(row.owner)
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="in-trash"):
        st.markdown(_(":material/delete: This sweep is in the trash."), width="stretch")
        st.button(
            _("Restore"), icon=":material/undo:", key="restore", disabled=not mine, on_click=_act,
            args=("undelete", row.sweep_id),
            help=_("Puts it back on the list of sweeps, with the experiments that were deleted with it.") if mine
            else account.why_not(row.owner),
        )


def _course(row: SweepRow) -> None:
    """To stop it, or to let it go on."""
    mine = account.may_change(row.owner)
    if row.state == "running":
        st.button(
            _("Stop and keep"), icon=":material/stop_circle:", key="stop", on_click=_act, args=("stop", row.sweep_id),
            disabled=not mine,
            help=_("Stops early. What is trained stays with all its figures; Resume goes on with the rest.") if mine
            else account.why_not(row.owner),
        )
    elif row.state == "stopping":
        st.button(
            _("Stopping …"), icon=":material/stop_circle:", key="stopping", disabled=True,
            help=_("The worker saves a checkpoint and tests what it has."),
        )
    elif row.resumable:
        st.button(
            _("Resume"), icon=":material/play_circle:", key="resume", type="primary", on_click=_act,
            args=("resume", row.sweep_id), disabled=not mine,
            help=_("Goes on with the trials that are not done; nothing is trained again.") if mine
            else account.why_not(row.owner),
        )


def _act(action: str, sweep_id: str) -> None:
    """Stop, resume or restore; a press that came too late is told in a sentence."""
    sweeps = lab().sweeps
    try:
        {"stop": sweeps.stop, "resume": sweeps.resume, "undelete": sweeps.undelete}[action](sweep_id)
    except LabError as error:
        st.toast(markdown_text(told(error.sentence)), icon=":material/info:")


def _more(row: SweepRow) -> None:
    """What is done now and then."""
    mine = account.may_change(row.owner)
    if st.button(
        _("Delete"), icon=":material/delete:", key="delete", type="tertiary", disabled=not mine,
        help=_("Takes the sweep and its experiments off the lists; it can be undone.") if mine
        else account.why_not(row.owner),
    ):
        try:
            undo.SWEEPS.remove(row.sweep_id, row.name)
        except Conflict as error:
            st.toast(markdown_text(told(error.sentence)), icon=":material/info:")
        else:
            places.go(places.SWEEPS)
