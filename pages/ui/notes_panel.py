"""Notes on an experiment and its runs: read by all, written by its owner, removed with a way back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import streamlit as st

from distill_core.charts.names import markdown_name, plain_name
from distill_core.errors import LabError
from distill_core.language import _
from distill_core.notes import LONGEST, Note
from distill_core.report.prose import html_of
from distill_core.rows import ExperimentView
from pages.ui import account, undo
from pages.ui.guard import guarded, tell
from pages.ui.session import lab


def note_button(view: ExperimentView, *, on_click: Callable[[], None]) -> None:
    """Opens the dialog of an experiment's notes; `on_click` is called first."""
    mine = account.may_change(view.row.owner)
    if st.button(
        _("Note"), icon=":material/edit_note:", key="note", type="tertiary", disabled=not mine, on_click=on_click,
        help=_("Write down what you see; the report has it too.") if mine else account.why_not(view.row.owner),
    ):
        # The title of a dialog is told to Streamlit before its first run, so it is wrapped where the language is known.
        st.dialog(_("Notes"), icon=":material/edit_note:")(_dialog)(view.row.experiment_id)


def show_notes(view: ExperimentView) -> None:
    """The notes that there are; nothing where there are none."""
    undo.NOTES.show()
    try:
        notes = lab().notes.of(view.row.experiment_id)
    except LabError as error:
        tell(error)
        return
    if "" in notes:
        with st.container(border=True, key="experiment-note"):
            _show(notes[""])
    labels = {run.run_id: run.label for run in view.runs}
    of_runs = [(labels[run_id], note) for run_id, note in notes.items() if run_id in labels]
    if of_runs:
        with st.expander(_("Notes on runs ({number})").format(number=len(of_runs)), icon=":material/sticky_note_2:"):
            for label, note in of_runs:
                st.markdown(f"**{markdown_name(label, 96)}**")
                _show(note)


def _show(note: Note) -> None:
    st.html(str(html_of(note.text)))
    at = f"{datetime.fromtimestamp(note.at).astimezone():%Y-%m-%d, %H:%M}"
    by = account.owner_note(note.by)
    st.caption(f"{at}{by}")


def _dialog(experiment_id: str) -> None:
    with guarded():
        write_notes(experiment_id)


def write_notes(experiment_id: str) -> None:
    """What is in the dialog: of what, the text, and what can be done with it."""
    view, notes = lab().experiment(experiment_id), lab().notes.of(experiment_id)
    subjects = {"": _("the whole experiment")} | {run.run_id: plain_name(run.label, 96) for run in view.runs}
    subject = st.selectbox(
        _("On"), list(subjects), format_func=subjects.__getitem__, key="note-subject",
        help=_("A note belongs to the experiment or to one of its runs."),
    )
    known = notes.get(subject)
    text = st.text_area(
        _("Note"), known.text if known else "", key=f"note-text-{subject}", max_chars=LONGEST, height=180,
        placeholder=_("Markdown: **bold**, lists, links."),
        help=_("Markdown without HTML and pictures. Everybody who sees the experiment can read it."),
    )
    with st.container(horizontal=True):
        if st.button(_("Save"), type="primary", icon=":material/save:", key="note-save", disabled=not text.strip(),
                     help=_("Keeps the note with the experiment.")):
            try:
                lab().notes.write(experiment_id, text, run_id=subject)
            except LabError as error:
                tell(error)
                return
            st.rerun()
        if known and st.button(_("Remove"), icon=":material/delete:", key="note-remove", type="tertiary",
                               help=_("Takes the note away; it can be undone.")):
            undo.NOTES.remove(f"{experiment_id}/{subject}", _("The note on {what}").format(what=subjects[subject]))
            st.rerun()
