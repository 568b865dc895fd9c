"""The audit log for admins: who did what, when; filtered, and as CSV."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages.ui import places
from pages.ui.audit_table import as_csv, rows
from pages.ui.session import lab

MOST = 5000


def narrowed(found: pd.DataFrame, *, people: Sequence[str], actions: Sequence[str], search: str) -> pd.DataFrame:
    kept = found
    if people:
        kept = kept[kept["who"].isin(people)]
    if actions:
        kept = kept[kept["what"].isin(actions)]
    for word in search.lower().split():
        text = kept["who"] + " " + kept["what"] + " " + kept["subject"] + " " + kept["detail"]
        kept = kept[text.str.lower().str.contains(word, regex=False)]
    return kept


def show() -> None:
    places.link(places.MACHINE, "Machine", icon=":material/arrow_back:")
    st.title("Audit log", anchor=False)
    found = rows(lab().people.log(MOST))
    st.caption("Who launched, stopped, deleted, shared and signed in. Entries are only ever added.")
    if found.empty:
        st.info(
            "Nothing has been done yet. Launch an experiment, and it stands here with who launched it.",
            icon=":material/policy:",
        )
        places.link(places.NEW, "New experiment", icon=":material/add_circle:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = st.text_input(
            "Search", key="q", bind="query-params", type="search", placeholder="Name, id or detail", width=280,
        )
        people = st.multiselect("Who", sorted(found["who"].unique()), key="who", bind="query-params", width=260)
        actions = st.multiselect("What", sorted(found["what"].unique()), key="what", bind="query-params", width=260)
    kept = narrowed(found, people=people, actions=actions, search=search or "")
    if kept.empty:
        st.info("No entry fits. Change the search or the filters.", icon=":material/search_off:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        noun = "entry" if len(kept) == 1 else "entries"
        all_of = f" of the newest {MOST:,}" if len(found) == MOST else ""
        of = all_of or (f" of {len(found):,}" if len(kept) < len(found) else "")
        st.caption(f"{len(kept):,} {noun}{of}, newest first.", width="stretch")
        st.download_button(
            "Download as CSV", data=lambda: as_csv(kept), file_name="audit.csv", mime="text/csv", key="csv",
            icon=":material/download:", on_click="ignore", help="What the filters leave, with times in UTC.",
        )
    st.dataframe(
        kept, key="entries", hide_index=True, width="stretch", height="content" if len(kept) < 14 else 520,
        alt="Entries of the audit log",
        column_config={
            "when": st.column_config.DatetimeColumn(
                "When", format="YYYY-MM-DD HH:mm:ss", help="In the time zone of your browser.", width="medium"
            ),
            "who": st.column_config.TextColumn("Who", help="On whose behalf; local is whoever works at this machine."),
            "what": st.column_config.TextColumn("What", help="What was done."),
            "subject": st.column_config.TextColumn("Of what", help="The id of what it was done to."),
            "detail": st.column_config.TextColumn("Detail", help="More, for people.", width="large"),
        },
    )


show()
