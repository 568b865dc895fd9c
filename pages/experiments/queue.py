"""The queue: what runs on each device, what waits and for what; its order and its pause."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from distill_core.charts.names import markdown_name, markdown_text, plain_name
from distill_core.errors import LabError
from distill_core.language import _, told
from distill_core.progress import progress_of
from distill_core.queue import Device, Pause, QueueView
from distill_core.rows import ExperimentRow
from pages.ui import account, places, starting, undo, words
from pages.ui.session import lab, watched
from pages.ui.waiting_list.component import waiting_list


def act(change: Callable[[], None]) -> None:
    """Change the queue; what comes too late or is not allowed is told in a sentence."""
    try:
        change()
    except LabError as error:
        st.toast(markdown_text(told(error.sentence)), icon=":material/info:")


def pause_bar(paused: Pause | None, *, idle: bool) -> None:
    """The pause, who wanted it, and the way on."""
    if paused is None:
        st.button(
            _("Pause the queue"), key="pause", icon=":material/pause:", on_click=act, args=(lab().queue.pause,),
            disabled=not lab().actor.has("admin"),
            help=_("Nothing begins until it goes on; what runs goes on meanwhile. Admins may do this."),
        )
        return
    who = markdown_name(paused.by, 60)
    if paused.at:
        text = _("Paused by {name}, {ago}.").format(name=who, ago=words.ago(paused.at))
    else:
        text = _("Paused by {name}.").format(name=who)
    then = _("What is started waits until the queue goes on.") if idle else _("Nothing begins; what runs goes on.")
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="paused"):
        st.markdown(f":material/pause_circle: {text} {then}", width="stretch")
        st.button(
            _("Go on"), key="unpause", icon=":material/play_arrow:", type="primary", on_click=act,
            args=(lab().queue.unpause,), disabled=not lab().actor.has("admin"),
            help=_("Lets the queue go on. Admins may do this."),
        )


def at_work(row: ExperimentRow) -> None:
    """One experiment at work: its name and how far it is."""
    view = watched(row.experiment_id)
    word, icon, colour = words.state(row.state)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch"):
            places.link(places.EXPERIMENT, f"**{markdown_name(row.name, 60)}**", icon="", id=row.experiment_id)
        st.badge(word, icon=icon, color=colour)
    progress = progress_of(view.row, view.steps, now=time.time())
    left = progress.remaining_seconds
    done = words.runs_done(row) if row.runs_total else _("reads its data")
    if left is not None:
        done = " · ".join([done, _("{duration} left").format(duration=words.duration(left))])
    st.progress(progress.share, text=done)
    if row.attempt > 1 and row.reason:
        st.caption(f":material/info: {markdown_text(told(row.reason))}")


def device_card(device: Device) -> None:
    with st.container(border=True, gap="xsmall"):
        memory = f" · {words.size(device.memory_bytes)}" if device.memory_bytes and device.name != "cpu" else ""
        title = "" if device.title == device.name else f" · {plain_name(told(device.title), 60)}"
        st.caption(f":material/memory: {markdown_text(f'{device.name}{title}{memory}')}")
        if not device.running:
            st.markdown(_(":gray[Free]"))
        for row in device.running:
            at_work(row)


def waiting_part(view: QueueView) -> None:
    st.header(
        _("Waiting"), anchor=False,
        help=_(
            "The first of these begins as soon as a device that it may use is free. Whoever was interrupted keeps its "
            "place before those that came later."
        ),
    )
    if not view.waiting:
        st.markdown(_(":gray[Nothing waits.]"))
        return
    actor = lab().actor
    mine = frozenset(
        one.row.experiment_id for one in view.waiting
        if actor.has("admin") or (actor.has("operator") and one.row.owner == actor.name)
    )
    if not actor.has("operator"):
        st.caption(f":material/visibility: {account.why_not()}")
    elif len(mine) < len(view.waiting):
        st.caption(_(":material/visibility: You may move and remove your own experiments; admins, everybody's."))
    wish = waiting_list(view.waiting, mine=mine, key="waiting")
    if wish is None:
        return
    if wish.action == "move":
        act(lambda: lab().queue.move(wish.experiment_id, to=wish.to))
        st.rerun(scope="fragment")
    name = next(one.row.name for one in view.waiting if one.row.experiment_id == wish.experiment_id)
    act(lambda: undo.QUEUE.remove(wish.experiment_id, name))
    st.rerun()


def empty(paused: Pause | None) -> None:
    st.info(_("Nothing runs and nothing waits.") if paused is None else _("Nothing waits."), icon=":material/schedule:")
    with st.container(horizontal=True):
        if st.button(_("New experiment"), key="new", icon=":material/add:", type="primary",
                     help=_("Design one from a preset or from scratch.")):
            places.go(places.NEW)
        starting.demo_button(key="demo", primary=False)


@st.fragment(run_every="2s", key="queue-live")
def live() -> None:
    """Everything that changes by itself."""
    view = lab().queue.view()
    idle = not view.waiting and not any(device.running for device in view.devices)
    pause_bar(view.paused, idle=idle)
    if view.trouble:
        st.warning(markdown_text(told(view.trouble)), icon=":material/warning:")
    if idle:
        empty(view.paused)
    else:
        st.header(
            _("At work"), anchor=False,
            help=_(
                "One experiment a device; a GPU is shared by those that all declare how much of its memory they need."
            ),
        )
        for device in view.devices:
            device_card(device)
        waiting_part(view)


def show() -> None:
    undo.QUEUE.show()
    st.title(_("Queue"), anchor=False)
    live()


show()
