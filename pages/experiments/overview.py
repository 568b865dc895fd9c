"""All experiments, newest first; in an empty lab, the way in."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import markdown_name, plain_name
from distill_core.errors import LabError
from distill_core.events import State
from distill_core.language import _, counted, marked, told
from distill_core.rows import ExperimentRow
from pages.ui import account, address, places, queue_line, starting, undo, words
from pages.ui.session import lab, who

ON_ONE_PAGE = 15
FILTERS: dict[str, tuple[State, ...]] = {
    marked("all"): (), marked("active"): ("queued", "starting", "running", "stopping", "lost"),
    "succeeded": ("succeeded",), "stopped": ("cancelled",), "failed": ("failed",),
}
ACTIONS = {"same": marked("Same as … but"), "compare": marked("Compare"), "delete": marked("Delete")}
ICONS = {"same": ":material/content_copy:", "compare": ":material/compare_arrows:", "delete": ":material/delete:"}


def welcome() -> None:
    """What a newcomer meets: one click, and what it will show."""
    with st.container(border=True):
        st.title(_("Can a small network learn more from a large one than from labels alone?"), anchor=False)
        st.markdown(
            _(
                "- A **teacher** learns 1,157 real handwritten digits; a student 14 times smaller sees only 100 of "
                "them.\n"
                "- The same student is trained **alone** and **distilled**, with the same images, steps and seeds, "
                "live before your eyes.\n"
                "- You read a **verdict** with its interval, which may well be *did not help*, and ship the student "
                "as ONNX."
            )
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            starting.demo_button(key="demo", primary=True)
            st.caption(_("About a minute on a CPU. No download, no GPU, no account."), width="content")
    st.header(_("Or start from one of these"), anchor=False)
    starting.preset_cards()


def line(row: ExperimentRow, waits: str = "") -> None:
    """One experiment: its name, its state, what was tried."""
    word, icon, colour = words.state(row.state)
    with st.container(
        border=True, horizontal=True, vertical_alignment="center", gap="small", key=f"row-{row.experiment_id}",
    ):
        with st.container(gap="xxsmall", width="stretch"):
            places.link(places.EXPERIMENT, f"**{markdown_name(row.name, 60)}**", icon="", id=row.experiment_id)
            students = "; ".join(plain_name(name, 24) for name in row.students[:4]) + (
                "; …" if len(row.students) > 4 else ""
            )
            teacher = markdown_name(row.teacher)
            done = words.runs_done(row) if row.runs_total else counted("{number} seed", "{number} seeds", row.seeds)
            reused = _(", {number} reused").format(number=row.runs_reused) if row.runs_reused else ""
            size = words.size(lab().upkeep.uses([row])[row.experiment_id].total)
            st.caption(
                _(
                    "{dataset} · teacher {teacher} · students {students} · {done}{reused} · {ago} · {size}{owner_note}"
                ).format(
                    dataset=markdown_name(row.dataset), teacher=teacher, students=markdown_name(students, 90),
                    done=done, reused=reused, ago=words.ago(row.created_at), size=size,
                    owner_note=account.owner_note(row.owner),
                )
            )
            if row.reason and row.state in ("failed", "lost"):
                st.caption(f":material/info: {markdown_name(told(row.reason), 200)}")
            if waits:
                st.caption(f":material/schedule: {markdown_name(waits, 200)}")
        st.badge(word, icon=icon, color=colour)
        chosen = st.menu_button(
            "", list(ACTIONS), key=f"menu-{row.experiment_id}", icon=":material/more_horiz:", type="tertiary",
            format_func=lambda name: f"{ICONS[name]} {_(ACTIONS[name])}", help=_("What to do with this experiment"),
        )
        if chosen == "same":
            places.go(places.NEW, **{"from": row.experiment_id})
        elif chosen == "compare":
            places.go(places.COMPARE, ids=row.experiment_id)
        elif chosen == "delete":
            try:
                undo.EXPERIMENTS.remove(row.experiment_id, row.name)
            except LabError as error:
                st.toast(markdown_name(told(error.sentence), 200), icon=":material/info:")
            st.rerun()


def listing(search: str, states: tuple[State, ...], owner: str) -> None:
    """One page of the list; of everybody if `owner` is empty."""
    found = lab().count(search=search, states=states, owner=owner)
    if not found:
        st.info(_("No experiment fits. Change the search or the filter."), icon=":material/search_off:")
        return
    pages = -(-found // ON_ONE_PAGE)
    slot = st.empty()
    number = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    rows = lab().experiments(
        search=search, states=states, limit=ON_ONE_PAGE, offset=(number - 1) * ON_ONE_PAGE, owner=owner,
    )
    waiting = lab().queue.places() if any(row.state == "queued" for row in rows) else {}
    with slot.container(gap="xsmall"):
        for row in rows:
            line(row, queue_line.waits(waiting[row.experiment_id]) if row.experiment_id in waiting else "")


@st.fragment(run_every="2s", key="listing-live")
def listing_live(search: str, states: tuple[State, ...], owner: str) -> None:
    """The list while something on it moves."""
    listing(search, states, owner)
    if not lab().count(states=FILTERS["active"]):
        st.rerun()


def show() -> None:
    undo.EXPERIMENTS.show()
    if not lab().count():
        welcome()
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(_("Experiments"), anchor=False, width="stretch")
        if st.button(
            _("New experiment"), key="new", icon=":material/add:", type="primary",
            help=_("Design one from a preset or from scratch."),
        ):
            places.go(places.NEW)
        starting.demo_button(key="demo", primary=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        search = st.text_input(
            _("Search"), key="q", bind="query-params", type="search",
            placeholder=_("Name, dataset, teacher, student or id"),
            label_visibility="collapsed", width=320,
        )
        first = address.chosen("state", list(FILTERS))
        chosen = st.segmented_control(
            _("State"), list(FILTERS), key="state", required=True, label_visibility="collapsed", format_func=_,
        )
        address.write("state", [str(chosen)], default=[first])
        mine = account.is_signing_in() and st.toggle(
            _("Mine"), key="mine", bind="query-params", help=_("Only what you launched yourself.")
        )
    states, owner = FILTERS[str(chosen)], who().name if mine else ""
    if lab().count(states=FILTERS["active"]):
        listing_live(search or "", states, owner)
    else:
        listing(search or "", states, owner)
    places.link(places.STORAGE, _("Disk use, trash and backups"), icon=":material/hard_drive:")


show()
