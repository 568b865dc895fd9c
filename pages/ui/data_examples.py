"""Samples of a data set to look at, by split and class, a page at a time; the address keeps the choice."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from distill_core.charts.names import markdown_name, plain_name
from distill_core.ingestion.examples import MOST_KEPT
from distill_core.language import _, counted
from distill_core.shelf import DataSet, Example, Part
from pages.ui import address, data_facts, words
from pages.ui.session import lab

# Rows of ten, six, five or three come out even.
ON_ONE_PAGE = 30
EVERY = ""
CELL_PX = 96
PAGE = "sample-page"


def show(data_set: DataSet) -> None:
    """Images as a grid, all else as a table."""
    sizes = data_facts.sizes_of(data_set)
    with st.container(horizontal=True):
        part = _choose_part(sizes)
        label = _choose_class(data_set, part)
    counts = data_set.class_counts.get(part, {})
    number = counts.get(label, 0) if label is not None else sizes[part]
    if data_set.form != "images" and number > MOST_KEPT:
        st.caption(_("{number:,} samples of each split can be looked at here.").format(number=MOST_KEPT))
        number = MOST_KEPT
    if not number:
        st.info(_("There are no such samples. Choose another class or split."), icon=":material/search_off:")
        return
    pages = -(-number // ON_ONE_PAGE)
    slot = st.empty()
    page = st.pagination(pages, key=PAGE, bind="query-params") if pages > 1 else 1
    found = lab().shelf.examples(
        data_set.data_id, split=part, label=label, offset=(page - 1) * ON_ONE_PAGE, count=ON_ONE_PAGE,
    )
    with slot.container():
        if any(example.png is not None for example in found):
            _grid(found)
        elif found:
            _table(found)
        else:
            st.info(_("There are no more samples to look at. Go to an earlier page."), icon=":material/info:")


def _from_the_start() -> None:
    """Another choice has other pages."""
    if PAGE in st.session_state:
        st.session_state[PAGE] = 1


def _choose_part(sizes: dict[Part, int]) -> Part:
    address.read("split", default=[next(iter(sizes))], allowed=list(sizes), single=True)
    part = st.segmented_control(
        _("Split"), list(sizes), key="split", required=True, on_change=_from_the_start,
        help=_("Which samples to show."),
        format_func=lambda one: f"{_(data_facts.PARTS[one])} · {words.count(sizes[one])}",
    )
    shown: Part = next(iter(sizes)) if part is None else part
    address.write("split", [shown], default=[next(iter(sizes))])
    return shown


def _choose_class(data_set: DataSet, part: Part) -> str | None:
    counts = data_set.class_counts.get(part, {})
    if not counts:
        return None
    classes = list(counts)
    address.read("class", default=[EVERY], allowed=classes, single=True)
    chosen: str = st.selectbox(
        _("Class"), [EVERY, *classes], key="class", width=260, on_change=_from_the_start,
        help=_("Only samples of this class."),
        format_func=lambda one: f"{plain_name(one, 40)} · {words.count(counts[one])}" if one in counts
        else counted("all {number} class", "all {number} classes", len(counts)),
    )
    address.write("class", [chosen], default=[EVERY])
    return None if chosen == EVERY else chosen


def _grid(found: list[Example]) -> None:
    grid = st.grid("auto", min_column_width=CELL_PX, key="examples")
    for example in found:
        with grid.cell(), st.container(gap="xxsmall"):
            name = _("no label") if example.label is None else example.label
            if example.png is not None:
                st.image(example.png, width="stretch", alt=plain_name(name, 60))
            st.caption(markdown_name(name, 24))


def _table(found: list[Example]) -> None:
    st.dataframe(
        pd.DataFrame([
            {"label": "" if one.label is None else plain_name(one.label, 60), "sample": plain_name(one.text, 400)}
            for one in found
        ]),
        key="example-rows", hide_index=True, width="stretch", height="content", alt=_("Samples and their labels"),
        column_config={
            "label": st.column_config.TextColumn(_("Label"), help=_("Empty: it has none."), width="small"),
            "sample": st.column_config.TextColumn(_("Sample"), help=_("As a network reads it."), width="large"),
        },
    )
