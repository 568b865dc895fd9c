"""The audit log for admins: who did what, when; filtered, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from distill_core.audit import Entry
from distill_core.charts.names import plain_name
from pages.ui import places
from pages.ui.session import lab

MOST = 5000
COLUMNS = {"when": "When", "who": "Who", "what": "What", "subject": "Of what", "detail": "Detail"}
# A spreadsheet runs a cell that begins so.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def rows(entries: Sequence[Entry]) -> pd.DataFrame:
    """One row an entry; names without control characters, times as UTC."""
    return pd.DataFrame(
        [
            {
                "when": pd.Timestamp(entry.at, unit="s", tz="UTC"), "who": plain_name(entry.actor, 254),
                "what": plain_name(entry.action), "subject": plain_name(entry.subject, 64) if entry.subject else "",
                "detail": plain_name(entry.detail, 300) if entry.detail else "",
            }
            for entry in entries
        ],
        columns=list(COLUMNS),
    )


def as_csv(found: pd.DataFrame) -> bytes:
    """With a byte order mark, for spreadsheets; what they would take for a formula begins with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS.values())
    for row in found.to_dict("records"):
        cells = [row["when"].isoformat(timespec="seconds"), *(str(row[name]) for name in list(COLUMNS)[1:])]
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return text.getvalue().encode("utf-8-sig")


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
        newest = f"the newest {MOST:,}" if len(found) == MOST else "all"
        noun = "entry" if len(kept) == 1 else "entries"
        st.caption(f"{len(kept):,} {noun} of {newest}, newest first.", width="stretch")
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
