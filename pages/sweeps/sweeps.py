"""All sweeps, newest first; where there is none, the way to the first."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import markdown_name, markdown_text
from distill_core.language import _, told
from distill_core.sweep_rows import SweepRow
from pages.sweeps import states
from pages.ui import account, places, undo, words
from pages.ui.session import lab

ON_ONE_PAGE = 20


def preset_cards() -> None:
    """Every sweep that comes with the lab, as a card that opens in the form."""
    grid = st.grid(2, min_column_width=300, border=True)
    for preset in lab().sweeps.presets():
        with grid.cell():
            st.markdown(f"**{told(preset.title)}**")
            st.caption(told(preset.summary))
            places.link(places.NEW_SWEEP, _("Open in the form"), icon=":material/tune:", preset=preset.name)


def new_button(*, primary: bool) -> None:
    if st.button(
        _("New sweep"), key="new-sweep", icon=":material/add:", type="primary" if primary else "secondary",
        help=_("Choose what varies, see what it costs, start."),
    ):
        places.go(places.NEW_SWEEP)


def welcome() -> None:
    """What a sweep is for, and the way to one."""
    st.title(_("Sweeps"), anchor=False)
    with st.container(border=True):
        st.markdown(_(
            "One experiment tells whether a setting helps. A **sweep** tells where: it trains the student at every "
            "combination of temperature, weights, terms, networks or budgets that you choose, shares data and "
            "teacher among them all, reuses what is trained already, and shows the whole map as it fills."
        ))
        new_button(primary=True)
    st.header(_("Or start from one of these"), anchor=False)
    preset_cards()


def line(row: SweepRow) -> None:
    """One sweep: its name, its state, what it varies."""
    word, icon, colour = states.state(row.state)
    with st.container(
        border=True, horizontal=True, vertical_alignment="center", gap="small", key=f"sweep-{row.sweep_id}",
    ):
        with st.container(gap="xxsmall", width="stretch"):
            places.link(places.SWEEP, f"**{markdown_name(row.name, 60)}**", icon="", id=row.sweep_id)
            st.caption(_("{facts} · {ago}{owner_note}").format(
                facts=markdown_text(states.in_short(row)), ago=words.ago(row.created_at),
                owner_note=account.owner_note(row.owner),
            ))
            if row.reason and row.state == "failed":
                st.caption(f":material/info: {markdown_name(told(row.reason), 200)}")
        st.badge(word, icon=icon, color=colour)


@st.fragment(run_every="2s", key="sweeps-live")
def listing_live(search: str) -> None:
    """The list while something on it moves."""
    number, rows = page_of_list(search)
    listing(number, rows)
    if not moves(rows):
        st.rerun()


def moves(rows: list[SweepRow]) -> bool:
    """Whether what the list shows must be looked at again; asked of the same rows by whoever draws them."""
    return any(row.going for row in rows[:ON_ONE_PAGE])


def listing(number: int, rows: list[SweepRow]) -> None:
    """One page of the list."""
    with st.container(gap="xsmall"):
        for row in rows[:ON_ONE_PAGE]:
            line(row)
    if not rows:
        st.info(_("No sweep fits. Change the search."), icon=":material/search_off:")
    if number > 1 or len(rows) > ON_ONE_PAGE:
        with st.container(horizontal=True, horizontal_alignment="center"):
            st.button(_("Newer"), key="newer", icon=":material/arrow_back:", disabled=number == 1,
                      on_click=_turn, args=(number - 1,), help=_("The page before this one."))
            st.button(_("Older"), key="older", icon=":material/arrow_forward:", disabled=len(rows) <= ON_ONE_PAGE,
                      on_click=_turn, args=(number + 1,), help=_("The next page."))


def page_of_list(search: str) -> tuple[int, list[SweepRow]]:
    """Its number, and what is on it with one more than fits, which tells whether there is another page."""
    number = max(1, int(st.session_state.get("sweeps-page", 1)))
    return number, lab().sweeps.list(search=search, limit=ON_ONE_PAGE + 1, offset=(number - 1) * ON_ONE_PAGE)


def _turn(number: int) -> None:
    st.session_state["sweeps-page"] = number


def show() -> None:
    undo.SWEEPS.show()
    first = lab().sweeps.list(limit=1)
    if not first:
        welcome()
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(_("Sweeps"), anchor=False, width="stretch")
        new_button(primary=True)
    search = st.text_input(
        _("Search"), key="q", bind="query-params", type="search", placeholder=_("Name, dataset or id"),
        label_visibility="collapsed", width=320, on_change=_turn, args=(1,),
    )
    number, rows = page_of_list(search or "")
    if moves(rows):
        listing_live(search or "")
    else:
        listing(number, rows)


show()
