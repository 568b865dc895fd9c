"""One data set of the user: how reading goes, then samples, classes and problems, and on to an experiment."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from distill_core.charts.balance import balance
from distill_core.charts.names import markdown_name, markdown_text, plain_name
from distill_core.errors import LabError, NotFound
from distill_core.language import _, marked, told
from distill_core.shelf import DataSet
from distill_core.spec import LONGEST_NAME
from pages.ui import address, data_examples, data_facts, places, undo, words
from pages.ui.guard import tell
from pages.ui.results import show_chart, theme
from pages.ui.session import lab

PROBLEMS_ON_ONE_PAGE = 50


def heading(data_set: DataSet) -> None:
    """Name, state and what can be done."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(markdown_name(data_set.name, LONGEST_NAME), anchor=False, width="stretch")
        data_facts.badge(data_set)
    st.caption(
        _(
            "{file_name} · {form} · brought {ago} · {data_id}"
        ).format(
            file_name=markdown_name(data_set.file_name, 60), form=_(data_facts.FORMS[data_set.form][0]),
            ago=words.ago(data_set.created_at), data_id=data_set.data_id,
        )
    )
    with st.container(horizontal=True):
        if data_set.state == "ready" and not data_set.removed and st.button(
            _("New experiment with this"), key="use", type="primary", icon=":material/add_circle:",
            help=_("Opens the form with this data chosen."),
        ):
            places.go(places.NEW, data=data_set.data_id)
        if data_set.state == "failed" and not data_set.removed:
            st.button(
                _("Read it again"), key="again", type="primary", icon=":material/refresh:", on_click=read_again,
                args=(data_set.data_id,), help=_("The uploaded file is still here."),
            )
        if data_set.removed:
            st.button(
                _("Restore"), key="restore", icon=":material/undo:", on_click=lab().shelf.restore,
                args=(data_set.data_id,), help=_("Puts it back on the list."),
            )
        else:
            rename(data_set)
            if st.button(_("Remove"), key="remove", icon=":material/delete:", help=_("Off the list; can be undone.")):
                undo.DATA_SETS.remove(data_set.data_id, data_set.name)
                places.go(places.DATA)


def read_again(data_id: str) -> None:
    try:
        lab().shelf.begin_again(data_id)
    except LabError as error:
        st.toast(markdown_name(told(error.sentence), 200), icon=":material/info:")


def rename(data_set: DataSet) -> None:
    with st.popover(_("Rename"), icon=":material/edit:", help=_("Changes the name everywhere it is shown.")):
        # The old name is part of the key, so that the field starts anew after a change.
        name = st.text_input(
            _("Name"), value=data_set.name, max_chars=LONGEST_NAME, key=f"name-{data_set.name}",
            help=_("Shown on the list."),
        )
        if st.button(_("Save"), key="save-name", help=_("Experiments that use this data keep their own names.")):
            try:
                lab().shelf.rename(data_set.data_id, name or "")
            except LabError as error:
                tell(error)
            else:
                st.rerun()


def figures(data_set: DataSet) -> None:
    """What it holds, in numbers."""
    with st.container(horizontal=True, gap="medium"):
        helps = {
            "train": _("To learn from. An experiment keeps some of them for validation."),
            "test": _("Used only to measure, never to choose."),
            "unlabelled": _("Training samples without a label: a student can imitate the teacher on them."),
        }
        for part, number in data_facts.sizes_of(data_set).items():
            st.metric(
                _(data_facts.PARTS[part]).capitalize(), words.count(number), width="content", help=helps[part],
            )
        if classes := data_facts.classes_of(data_set):
            st.metric(
                _("Classes"), words.count(len(classes)), width="content", help=_("That a network is to tell apart."),
            )
        st.metric(
            _("Left out"), words.count(data_set.bad), width="content",
            help=_("Files or rows that could not be read; see Problems."),
        )
        st.metric(
            _("On disk"), words.size(data_set.size_bytes), width="content", help=_("The upload and its decoded copy."),
        )
    st.caption(
        _(
            "A sample: {shape}. A network's task: {task}."
        ).format(shape=data_facts.shape_words(data_set), task=told(data_facts.TASKS.get(data_set.task, data_set.task)))
    )
    for note in data_set.notes:
        st.caption(f":material/info: {markdown_text(told(note))}")


def problems(data_set: DataSet) -> None:
    """Every file or row that was left out, a page at a time."""
    if not data_set.bad:
        st.success(_("Everything could be read."), icon=":material/check_circle:")
        return
    pages = -(-data_set.bad // PROBLEMS_ON_ONE_PAGE)
    number = st.pagination(pages, key="problem-page", bind="query-params") if pages > 1 else 1
    found = lab().shelf.problems(
        data_set.data_id, offset=(number - 1) * PROBLEMS_ON_ONE_PAGE, count=PROBLEMS_ON_ONE_PAGE,
    )
    st.dataframe(
        pd.DataFrame([{"file": plain_name(one.file, 200), "reason": plain_name(one.reason, 300)} for one in found]),
        key="problems", hide_index=True, width="stretch", height="content", alt=_("Files or rows that were left out"),
        column_config={
            "file": st.column_config.TextColumn(_("File or row"), help=_("As named in the upload."), width="medium"),
            "reason": st.column_config.TextColumn(
                _("Why it was left out"), help=_("What is wrong with it."), width="large",
            ),
        },
    )


def content(data_set: DataSet) -> None:
    """Samples, classes and problems behind tabs; the address knows which."""
    classes = [marked("Classes")] if data_facts.classes_of(data_set) else []
    tabs = address.tabs([marked("Samples"), *classes, marked("Problems")])
    if tabs["Samples"].open:
        with tabs["Samples"]:
            data_examples.show(data_set)
    if "Classes" in tabs and tabs["Classes"].open:
        with tabs["Classes"]:
            show_chart(
                balance(data_set.class_counts, theme=theme()), key="balance", file_name="class-balance",
                alt=_("Training and test samples of each class"),
            )
    if tabs["Problems"].open:
        with tabs["Problems"]:
            problems(data_set)


@st.fragment(run_every="1s", key="reading-live")
def reading(data_id: str) -> None:
    """Progress while it is read; at the end the whole page is shown anew."""
    data_set = lab().shelf.get(data_id)
    if data_set.state != "reading":
        st.rerun()
    with st.container(border=True):
        st.markdown(_("**Reading it in.** This goes on when you close the tab."))
        data_facts.show_reading(data_set)


def show() -> None:
    data_id = st.query_params.get("id", "")
    places.link(places.DATA, _("All data"), icon=":material/arrow_back:")
    try:
        data_set = lab().shelf.get(data_id)
    except NotFound as error:
        st.warning(markdown_text(told(error.sentence)), icon=":material/search_off:", title=_("Not found"))
        return
    heading(data_set)
    if data_set.removed:
        st.info(_("This data set was removed from the list."), icon=":material/delete:")
    if data_set.state == "reading":
        reading(data_id)
    elif data_set.state == "failed":
        st.error(
            markdown_text(told(data_facts.reason(data_set))), icon=":material/error:",
            title=_("It could not be read in"),
        )
        if data_set.bad:
            problems(data_set)
    else:
        figures(data_set)
        content(data_set)


show()
