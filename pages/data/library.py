"""Data sets of the user and of the catalogue: bring a file, see what there is, go on to an experiment."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import markdown_name, markdown_text
from distill_core.entries import Entry
from distill_core.errors import LabError
from distill_core.language import _, marked, told
from distill_core.shelf import DataSet
from distill_core.uploads import KINDS
from pages.ui import data_facts, places, reading_in, undo, uploading, words
from pages.ui.session import lab

ON_ONE_PAGE = 15
ACTIONS = {"new": marked("New experiment with this"), "remove": marked("Remove")}
ICONS = {"new": ":material/add_circle:", "remove": ":material/delete:"}
WHAT_CAN_BE_BROUGHT = marked(
    "- :material/image: **Images**: a .zip with one folder of images a class, with or without train and test around "
    "them\n"
    "- :material/article: **Texts**: a .csv or .tsv with a column of texts and a column of labels\n"
    "- :material/grid_on: **Arrays**: a .npz of NumPy arrays: images, sequences or rows of features, and their labels"
)


def bring() -> None:
    """The drop zone, or the file that waits for its settings."""
    with st.container(border=True, key="card-bring"):
        st.header(_("Bring your own"), anchor=False)
        upload = uploading.waiting()
        if upload is not None:
            reading_in.show_upload(upload)
            return
        st.markdown(_(WHAT_CAN_BE_BROUGHT))
        uploading.take_file()
        st.caption(
            _(
                "More than {size}? Put it on the machine that trains and give its path in a new experiment."
            ).format(size=words.size(KINDS["data"].most_bytes))
        )


def line(data_set: DataSet) -> None:
    """One data set: its name, what it is, how far it is."""
    with st.container(
        border=True, horizontal=True, vertical_alignment="center", gap="small", key=f"row-{data_set.data_id}",
    ):
        with st.container(gap="xxsmall", width="stretch"):
            places.link(
                places.DATA_SET, f"**{markdown_name(data_set.name, 60)}**", icon=data_facts.FORMS[data_set.form][1],
                id=data_set.data_id,
            )
            st.caption(markdown_text(data_facts.summary(data_set)))
            if data_set.state == "failed":
                st.caption(f":material/info: {markdown_name(told(data_facts.reason(data_set)), 300)}")
            elif data_set.state == "reading":
                data_facts.show_reading(data_set)
        data_facts.badge(data_set)
        offered = list(ACTIONS) if data_set.state == "ready" else ["remove"]
        chosen = st.menu_button(
            "", offered, key=f"menu-{data_set.data_id}", icon=":material/more_horiz:", type="tertiary",
            format_func=lambda name: f"{ICONS[name]} {_(ACTIONS[name])}", help=_("What to do with this data set"),
        )
        if chosen == "new":
            places.go(places.NEW, data=data_set.data_id)
        elif chosen == "remove":
            try:
                undo.DATA_SETS.remove(data_set.data_id, data_set.name)
            except LabError as error:
                st.toast(markdown_name(told(error.sentence), 200), icon=":material/info:")
            st.rerun()


def listing(found: list[DataSet]) -> None:
    pages = -(-len(found) // ON_ONE_PAGE)
    slot = st.empty()
    number = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    with slot.container(gap="xsmall"):
        for data_set in found[(number - 1) * ON_ONE_PAGE : number * ON_ONE_PAGE]:
            line(data_set)


@st.fragment(run_every="1s", key="data-live")
def listing_live() -> None:
    """The list while something on it is being read."""
    found = lab().shelf.all()
    listing(found)
    if not any(data_set.state == "reading" for data_set in found):
        st.rerun()


def mine() -> None:
    st.header(_("Yours"), anchor=False)
    found = lab().shelf.all()
    if not found:
        st.caption(_("Nothing yet. What you bring stays on this machine and is listed here."))
    elif any(data_set.state == "reading" for data_set in found):
        listing_live()
    else:
        listing(found)


def removed() -> None:
    """What was removed still fills the disk; here it comes back, or goes for good."""
    found = [data_set for data_set in lab().shelf.all(include_removed=True) if data_set.removed]
    if not found:
        return
    with st.expander(_("Removed ({count})").format(count=len(found)), icon=":material/delete:", key="removed"):
        for data_set in found:
            with st.container(horizontal=True, vertical_alignment="center", key=f"gone-{data_set.data_id}"):
                st.markdown(
                    f"{markdown_name(data_set.name, 60)} · {markdown_text(data_facts.summary(data_set))}",
                    width="stretch",
                )
                st.button(
                    _("Restore"), key=f"restore-{data_set.data_id}", icon=":material/undo:",
                    on_click=lab().shelf.restore, args=(data_set.data_id,), help=_("Puts it back on the list."),
                )
                with st.popover(_("Delete for good"), icon=":material/delete_forever:", type="tertiary"):
                    st.markdown(
                        _(
                            "This frees {size} and cannot be undone. Experiments with this data keep their results, "
                            "but cannot be resumed or repeated."
                        ).format(size=words.size(data_set.size_bytes))
                    )
                    if st.button(_("Delete"), key=f"purge-{data_set.data_id}", help=_("Deletes its files now.")):
                        undo.DATA_SETS.forget()
                        lab().shelf.purge(data_set.data_id)
                        st.rerun()


def offered() -> None:
    """What the catalogue has without any upload."""
    st.header(_("Ready to use"), anchor=False, help=_("Chosen under Data in a new experiment as well."))
    # Right after an update of the code this takes seconds.
    with st.spinner(_("Reading what there is …")):
        catalogue = lab().catalogue()
    grid = st.grid(3, min_column_width=260, border=True)
    for entry in catalogue.datasets:
        if {"folder", "file"} & entry.traits:
            continue
        with grid.cell():
            offer(entry)


def offer(entry: Entry) -> None:
    st.markdown(f"**{markdown_text(told(entry.title))}**")
    st.caption(markdown_text(told(entry.summary)))
    st.caption(_("Downloaded on first use.") if "download" in entry.traits else _("Embedded, no download."))
    preset = next((one for one in lab().presets() if one.spec.data.dataset.name == entry.name), None)
    if preset is not None:
        places.link(places.NEW, _("New experiment with this"), icon=":material/add_circle:", preset=preset.name)
    else:
        places.link(places.NEW, _("New experiment with this"), icon=":material/add_circle:", dataset=entry.name)


def show() -> None:
    undo.DATA_SETS.show()
    st.title(_("Data"), anchor=False)
    bring()
    mine()
    removed()
    offered()


show()
