"""How a brought file is to be read: its first rows or arrays, and the few choices that they leave open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any, Literal

import pandas as pd
import streamlit as st
from streamlit.elements.lib.grid_container import GridContainer

from distill_core.charts.names import markdown_name, plain_name
from distill_core.errors import DataError, LabError
from distill_core.ingestion.guesses import guess_arrays, guess_columns
from distill_core.ingestion.npz_file import peek_arrays
from distill_core.ingestion.table_file import Header, Separator, TablePeek, peek_table
from distill_core.language import _, counted, marked
from distill_core.spec import LONGEST_NAME
from pages.ui import data_facts, places, uploading, words
from pages.ui.fields import NARROW_PX, Fields
from pages.ui.guard import tell
from pages.ui.session import lab
from pages.ui.uploading import Upload

SEPARATORS: dict[Separator, str] = {
    "comma": marked("comma ,"), "semicolon": marked("semicolon ;"), "tab": marked("tab"),
}
HEADERS: dict[Header, str] = {"yes": marked("names the columns"), "no": marked("is data")}
KINDS: dict[Literal["image", "sequence", "table"], str] = {
    "image": marked("an image"), "sequence": marked("a sequence of steps"), "table": marked("a row of features"),
}


PARAMS: dict[str, tuple[str, dict[Any, str]]] = {
    "image_size": (marked("Image size"), {}),
    "channels": (marked("Channels"), {"rgb": marked("colour"), "grey": marked("grey")}),
    "test_fraction": (marked("Test share"), {}),
}


def show_upload(upload: Upload) -> None:
    """The card of one waiting file, from what is in it to the button that begins."""
    word, icon = data_facts.FORMS[upload.form]
    st.markdown(f"{icon} **{markdown_name(upload.file_name, 60)}** · {_(word)} · {words.size(upload.size_bytes)}")
    try:
        {"images": _images, "text": _text, "arrays": _arrays}[upload.form](upload)
    except LabError as error:
        # On the lab's disk the file has a name that its owner never saw.
        tell(DataError(error.sentence.replace(upload.path.name, upload.file_name)))
        _discard_button(_("Take another file"))


def _images(upload: Upload) -> None:
    st.caption(
        _("Inside, each class is a folder of images, or there are folders train and test with such folders in them; "
        "a folder named unlabelled holds images without a class.")
    )
    grid = st.grid("auto", min_column_width=NARROW_PX)
    params = _params(grid, upload, "image-folder", ("image_size", "channels", "test_fraction"))
    name = _name(upload)
    if _buttons():
        _begin(lambda: lab().shelf.begin_images(name, upload.path, file_name=upload.file_name, **params))


@lru_cache(maxsize=8)
def _peek(path: Path, header: Header = "auto", separator: Separator = "auto") -> TablePeek:
    """Kept, because finding the encoding of a large table takes a second at every click; an upload never changes."""
    return peek_table(path, header=header, separator=separator)


def _text(upload: Upload) -> None:
    """Separator and header first, because the columns depend on them."""
    found = _peek(upload.path)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        separator = st.selectbox(
            _("Separator"), list(SEPARATORS), index=list(SEPARATORS).index(found.separator),
            key=_key(upload, "separator"),
            format_func=lambda one: _(SEPARATORS[one]), width=170, help=_("What stands between two cells."),
        )
        header: Header = st.segmented_control(
            _("First row"), list(HEADERS), default="yes" if found.has_header else "no", required=True,
            key=_key(upload, "header"), format_func=lambda one: _(HEADERS[one]),
            help=_("If the columns have no names, they are numbered."),
        )
    table = _peek(upload.path, header, separator)
    _first_rows(table)
    if len(table.columns) < 2:
        st.error(
            _("This table has one column; allowed: at least two, the text and its label. Choose another separator."),
            icon=":material/error:",
        )
        _discard_button(_("Take another file"))
        return
    shape = f"{separator}-{header}"
    titles = dict(zip(table.columns, _titles(table), strict=True))
    guess = guess_columns(table)
    grid = st.grid("auto", min_column_width=NARROW_PX)
    with grid.cell():
        text_column = st.selectbox(
            _("Text"), list(titles), index=list(titles).index(guess[0]), key=_key(upload, f"text-{shape}"),
            format_func=titles.__getitem__, help=_("The column that a network reads."),
        )
    with grid.cell():
        label_column = st.selectbox(
            _("Label"), list(titles), index=list(titles).index(guess[1]), key=_key(upload, f"label-{shape}"),
            format_func=titles.__getitem__,
            help=_("The column that it learns to tell. Rows without a label serve as unlabelled training texts."),
        )
    with grid.cell():
        task = _task(upload, ("classification", "regression"))
    params = _params(grid, upload, "text-table", ("test_fraction",))
    name = _name(upload)
    if text_column == label_column:
        st.error(_("Text and label are the same column; choose two different ones."), icon=":material/error:")
    if _buttons(disabled=text_column == label_column):
        _begin(lambda: lab().shelf.begin_text(
            name, upload.path, file_name=upload.file_name, text_column=text_column, label_column=label_column,
            header=header, separator=separator, task=task, **params,
        ))


def _arrays(upload: Upload) -> None:
    arrays = peek_arrays(upload.path)
    st.dataframe(
        pd.DataFrame([
            {"name": plain_name(one.key, 64), "shape": " × ".join(f"{size:,}" for size in one.shape), "type": one.dtype}
            for one in arrays
        ]),
        key=_key(upload, "arrays"), hide_index=True, width="content", alt=_("The arrays of the file"),
        column_config={
            "name": st.column_config.TextColumn(_("Array"), help=_("Its name in the file.")),
            "shape": st.column_config.TextColumn(_("Shape"), help=_("The first number counts the samples.")),
            "type": st.column_config.TextColumn(_("Numbers"), help=_("Their type.")),
        },
    )
    names = [one.key for one in arrays]
    if len(names) < 2:
        st.error(
            _("This file has one array; allowed: at least two, the inputs and their labels."), icon=":material/error:",
        )
        _discard_button(_("Take another file"))
        return
    guess = guess_arrays(arrays)
    grid = st.grid("auto", min_column_width=NARROW_PX)
    with grid.cell():
        inputs = _array(upload, marked("Inputs"), names, guess.inputs, _("What a network reads, a sample a row."))
    with grid.cell():
        labels = _array(upload, marked("Labels"), names, guess.labels, _("What it learns to tell, one a sample."))
    with grid.cell():
        kind = st.selectbox(
            _("A sample is"), list(KINDS), index=list(KINDS).index(guess.kind), key=_key(upload, "kind"),
            format_func=lambda one: _(KINDS[one]), help=_("It decides which networks fit."),
        )
    with grid.cell():
        steps = ("tagging",) if kind == "sequence" else ()
        task = _task(upload, ("classification", *steps, "regression"), guess=guess.task, variant=kind)
    with grid.cell():
        test_inputs = _array(
            upload, marked("Test inputs"), ["", *names], guess.test_inputs, _("None: a share is kept for tests."),
        )
    with grid.cell():
        test_labels = _array(upload, marked("Test labels"), ["", *names], guess.test_labels, _("Of the test inputs."))
    params = {} if test_inputs else _params(grid, upload, "arrays", ("test_fraction",))
    name = _name(upload)
    chosen = [one for one in (inputs, labels, test_inputs, test_labels) if one]
    sound = len(set(chosen)) == len(chosen) and bool(test_inputs) == bool(test_labels)
    if not sound:
        st.error(
            _("Each array can be chosen once, and test inputs go with test labels. Choose others."),
            icon=":material/error:",
        )
    if _buttons(disabled=not sound):
        _begin(lambda: lab().shelf.begin_arrays(
            name, upload.path, file_name=upload.file_name, inputs=inputs, labels=labels, kind=kind, task=task,
            test_inputs=test_inputs, test_labels=test_labels, **params,
        ))


def _array(upload: Upload, label: str, names: list[str], guess: str, help_text: str) -> str:
    return st.selectbox(
        _(label), names, index=names.index(guess), key=_key(upload, label), help=help_text,
        format_func=lambda one: plain_name(one, 40) if one else _("none in the file"),
    )


def _first_rows(table: TablePeek) -> None:
    titles = _titles(table)
    frame = pd.DataFrame([[plain_name(cell, 200) if cell else "" for cell in row] for row in table.rows])
    frame.columns = [str(place) for place in frame.columns]
    if frame.empty:
        st.caption(_("No row below the header can be shown."))
        return
    st.dataframe(
        frame, hide_index=True, width="stretch", height=250, alt=_("The first rows of the table"), key="first-rows",
        column_config={
            str(place): st.column_config.TextColumn(title, help=_("As it stands in the file."))
            for place, title in enumerate(titles)
        },
    )
    st.caption(_(
        "The first {rows}, read as {encoding}."
    ).format(rows=counted("{number} row", "{number} rows", len(table.rows)), encoding=markdown_name(table.encoding)))


def _titles(table: TablePeek) -> list[str]:
    return [
        plain_name(name, 40) if table.has_header else _("column {name}").format(name=name) for name in table.columns
    ]


def _task(upload: Upload, offered: Sequence[str], *, guess: str = "classification", variant: str = "") -> Any:
    return st.selectbox(
        _("Task"), list(offered), index=list(offered).index(guess) if guess in offered else 0,
        key=_key(upload, f"task-{variant}"), format_func=lambda one: _(data_facts.TASKS[one]),
        help=_("What a network is to do with a sample."),
    )


def _params(grid: GridContainer, upload: Upload, entry: str, names: Sequence[str]) -> dict[str, Any]:
    """Some fields of a catalogue entry, explained and bounded as in the form of an experiment."""
    schemas = lab().catalogue().datasets[entry].params.model_json_schema()["properties"]
    fields, result = Fields(0), {}
    for name in names:
        with grid.cell():
            label, title_of = PARAMS[name]
            path = _key(upload, name)
            result[name] = fields.draw(path, schemas[name], schemas[name]["default"], label=_(label), title_of=title_of)
    return result


def _name(upload: Upload) -> str:
    return st.text_input(
        _("Name"), value=plain_name(PurePath(upload.file_name).stem, LONGEST_NAME), max_chars=LONGEST_NAME, width=480,
        key=_key(upload, "name"), help=_("As it will stand on the list; it can be changed later."),
    ) or ""


def _buttons(*, disabled: bool = False) -> bool:
    """Begin, or take another file."""
    with st.container(horizontal=True):
        begin = st.button(
            _("Read it in"), key="begin-reading", type="primary", icon=":material/input:", disabled=disabled,
            help=_("Runs in the background; closing this tab does not stop it."),
        )
        _discard_button(_("Discard"))
    return begin


def _discard_button(label: str) -> None:
    st.button(
        label, key="discard-upload", icon=":material/close:", type="tertiary", on_click=uploading.forget,
        help=_("Takes the uploaded file from the lab's disk."),
    )


def _begin(begin: Callable[[], str]) -> None:
    try:
        data_id = begin()
    except LabError as error:
        tell(error)
        return
    uploading.forget()
    places.go(places.DATA_SET, id=data_id)


def _key(upload: Upload, name: str) -> str:
    """Widgets of another file start anew."""
    return f"read-{upload.path.name}-{name}"
