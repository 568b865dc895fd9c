"""The audit log for admins: who did what, when; filtered, and as CSV."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from distill_core.language import _, counted, told
from pages.ui import address, places
from pages.ui.audit_table import as_csv, in_words, rows
from pages.ui.session import lab

MOST = 5000


def narrowed(found: pd.DataFrame, *, people: Sequence[str], actions: Sequence[str], search: str) -> pd.DataFrame:
    kept = found
    if people:
        kept = kept[kept["who"].isin(people)]
    if actions:
        kept = kept[kept["what"].isin(actions)]
    for word in search.lower().split():
        shown = in_words(kept)
        text = kept["who"] + " " + kept["what"] + " " + kept["subject"] + " " + kept["detail"]
        text = text + " " + shown["what"] + " " + shown["detail"]
        kept = kept[text.str.lower().str.contains(word, regex=False)]
    return kept


def show() -> None:
    places.link(places.MACHINE, _("Machine"), icon=":material/arrow_back:")
    st.title(_("Audit log"), anchor=False)
    found = rows(lab().people.log(MOST))
    st.caption(_("Who launched, stopped, deleted, shared and signed in. Entries are only ever added."))
    if found.empty:
        st.info(
            _("Nothing has been done yet. Launch an experiment, and it stands here with who launched it."),
            icon=":material/policy:",
        )
        places.link(places.NEW, _("New experiment"), icon=":material/add_circle:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = st.text_input(
            _("Search"), key="q", bind="query-params", type="search", placeholder=_("Name, id or detail"), width=280,
        )
        people = st.multiselect(_("Who"), sorted(found["who"].unique()), key="who", bind="query-params", width=260)
        done = sorted(found["what"].unique())
        address.read("what", allowed=done)
        actions = st.multiselect(_("What"), done, key="what", format_func=told, width=260)
        address.write("what", actions)
    kept = narrowed(found, people=people, actions=actions, search=search or "")
    if kept.empty:
        st.info(_("No entry fits. Change the search or the filters."), icon=":material/search_off:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        entries = counted("{number} entry", "{number} entries", len(kept))
        if len(found) == MOST:
            text = _("{entries} of the newest {total:,}, newest first.")
        else:
            some = len(kept) < len(found)
            text = _("{entries} of {total:,}, newest first.") if some else _("{entries}, newest first.")
        st.caption(text.format(entries=entries, total=len(found)), width="stretch")
        st.download_button(
            _("Download as CSV"), data=lambda: as_csv(kept), file_name="audit.csv", mime="text/csv", key="csv",
            icon=":material/download:", on_click="ignore", help=_("What the filters leave, with times in UTC."),
        )
    st.dataframe(
        in_words(kept), key="entries", hide_index=True, width="stretch", height="content" if len(kept) < 14 else 520,
        alt=_("Entries of the audit log"),
        column_config={
            "when": st.column_config.DatetimeColumn(
                _("When"), format="YYYY-MM-DD HH:mm:ss", help=_("In the time zone of your browser."), width="medium"
            ),
            "who": st.column_config.TextColumn(
                _("Who"), help=_("On whose behalf; local is whoever works at this machine."),
            ),
            "what": st.column_config.TextColumn(_("What"), help=_("What was done.")),
            "subject": st.column_config.TextColumn(_("Of what"), help=_("The id of what it was done to.")),
            "detail": st.column_config.TextColumn(_("Detail"), help=_("More, for people."), width="large"),
        },
    )


show()
