"""What an experiment's page and the list say of its place in the queue and of its further attempts."""

from __future__ import annotations

import copy
from typing import Any

import streamlit as st

from distill_core.charts.names import markdown_name, markdown_text
from distill_core.language import _, told
from distill_core.queue import Waiting
from distill_core.rows import ExperimentRow
from pages.ui import places
from pages.ui.session import lab

Json = dict[str, Any]


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 11th."""
    texts = {1: _("{number}st"), 2: _("{number}nd"), 3: _("{number}rd")}
    text = _("{number}th") if number % 100 in (11, 12, 13) else texts.get(number % 10, _("{number}th"))
    return text.format(number=number)


def waits(waiting: Waiting) -> str:
    """Its place, what it waits for, and why it is tried again, as plain text."""
    why, place = told(waiting.why), ordinal(waiting.number)
    # English says it in one sentence, where what is waited for begins in the same way.
    if why.startswith("Waits "):
        parts = [_("Waits, {place} in the queue, {why}").format(place=place, why=why.removeprefix("Waits "))]
    else:
        parts = [_("Waits, {place} in the queue.").format(place=place), why]
    if waiting.row.attempt:
        parts.append(told(waiting.row.reason))
    if lab().queue.paused():
        parts.append(_("The queue is paused."))
    return " ".join(part for part in parts if part)


def place(row: ExperimentRow) -> tuple[object, ...]:
    """What `show_place` depends on besides the row: when it changes, the page is drawn again."""
    waiting = lab().queue.place_of(row.experiment_id) if row.state == "queued" else None
    return () if waiting is None else (waiting.number, waiting.why, lab().queue.paused())


def show_place(row: ExperimentRow) -> None:
    """On an experiment's page: its place while it waits, and which attempt this is."""
    if row.state == "queued":
        waiting = lab().queue.place_of(row.experiment_id)
        if waiting is not None:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f":material/schedule: {markdown_text(waits(waiting))}", width="content")
                places.link(places.QUEUE, _("Open the queue"), icon=":material/low_priority:")
    elif row.state in ("starting", "running", "stopping") and row.attempt > 1 and row.reason:
        st.caption(f":material/sync_problem: {markdown_text(told(row.reason))}")


def offer_half_the_batch(row: ExperimentRow) -> None:
    """After the memory did not suffice: the way that mostly helps."""
    if row.state == "failed" and row.failure in ("out-of-memory", "gpu-out-of-memory") and st.button(
        _("New experiment with half the batch"), key="half", icon=":material/content_cut:", type="primary",
        help=_("Opens this experiment's settings with every batch size halved, which needs about half the memory."),
    ):
        places.go(places.NEW, **{"from": row.experiment_id, "batch": "half"})


def tell_half(source: str) -> None:
    """What the form begins with. Raises NotFound."""
    st.info(
        _(
            "Same as **{name}**, with every batch size halved."
        ).format(name=markdown_name(lab().experiment(source).row.name, 60)),
        icon=":material/content_cut:",
    )


def halved(spec: Json) -> Json:
    """A spec with every batch size of its trainings halved, down to 1."""
    result = copy.deepcopy(spec)
    for training in (
        result["student_training"], result["teacher"]["training"],
        *(teacher["training"] for teacher in result["more_teachers"]),
    ):
        training["batch_size"] = max(1, training["batch_size"] // 2)
    return result
