"""One experiment's report: write its title, summary and notes, look at it, take the file."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.errors import LabError
from distill_core.language import LANGUAGES, Language, _, told
from distill_core.reports import LONGEST_TEXT, LONGEST_TITLE, Draft
from distill_core.rows import ExperimentView
from pages.ui import account, address, places, spoken, words
from pages.ui.around import show_around
from pages.ui.offered import offered_experiments
from pages.ui.session import lab

PREVIEW_PX = 780
_SAVED, _REFUSED = "report-saved", "report-refused"


def keep(experiment_id: str) -> None:
    """Keeps the texts as soon as a field is left, so that a reload loses none."""
    texts = (str(st.session_state[f"report-{name}-{experiment_id}"]) for name in ("title", "summary", "notes"))
    st.session_state.pop(_SAVED, None)
    try:
        lab().reports.write_draft(experiment_id, Draft(*texts))
        st.session_state[_SAVED] = experiment_id
    except LabError as error:
        st.session_state[_REFUSED] = error.sentence


def write(view: ExperimentView) -> None:
    """The three fields; whoever may not change the experiment reads them."""
    identity, mine = view.row.experiment_id, account.may_change(view.row.owner)
    draft = lab().reports.draft(identity)
    why = None if mine else account.why_not(view.row.owner)
    for name, text in (("title", draft.title), ("summary", draft.summary), ("notes", draft.notes)):
        # What another tab kept meanwhile is not written over by this one before it is seen.
        st.session_state.setdefault(f"report-{name}-{identity}", text)
    st.text_input(
        _("Title"), key=f"report-title-{identity}", max_chars=LONGEST_TITLE, placeholder=view.row.name,
        disabled=not mine, on_change=keep, args=(identity,), help=why or _("Empty: the experiment's name."),
    )
    st.text_area(
        _("Summary"), key=f"report-summary-{identity}", max_chars=LONGEST_TEXT, height=130, disabled=not mine,
        on_change=keep, args=(identity,),
        placeholder=_("What should a reader decide by this?"),
        help=why or _("Markdown. It stands at the top, below the answer."),
    )
    st.text_area(
        _("Notes"), key=f"report-notes-{identity}", max_chars=LONGEST_TEXT, height=170, disabled=not mine,
        on_change=keep, args=(identity,), placeholder=_("What was tried, what is open, whom to ask."),
        help=why or _("Markdown. Notes kept on the experiment and its runs follow below."),
    )
    if refused := st.session_state.pop(_REFUSED, ""):
        st.error(markdown_text(told(refused)), icon=":material/error:")
    elif st.session_state.get(_SAVED) == identity:
        st.caption(_("Saved. The texts are kept with the experiment."))
    elif mine:
        st.caption(_("What you write is kept as soon as you leave a field."))


def take(view: ExperimentView, language: Language) -> None:
    """The two files; each is made when it is asked for."""
    asked, identity = lab(), view.row.experiment_id

    def made(kind: str) -> Callable[[], bytes]:
        return lambda: asked.reports.make(identity, language=language, format=kind).content

    name = f"report-{identity}-{language}"
    with st.container(horizontal=True):
        st.download_button(
            _("Download the report"), made("html"), file_name=f"{name}.html", mime="text/html", type="primary",
            icon=":material/download:", key="report-html", on_click="ignore",
            help=_("One HTML file: opens anywhere without a network, prints on A4, follows light and dark."),
        )
        st.download_button(
            _("Markdown and pictures"), made("zip"), file_name=f"{name}.zip", mime="application/zip",
            icon=":material/folder_zip:", key="report-zip", on_click="ignore",
            help=_("A zip file with report.md, a PNG of every chart and the spec, for wikis, mails and papers."),
        )
    if not asked.reports.has_fonts(language):
        st.caption(markdown_text(_(
            "The pictures in the zip file will lack some of their characters: no font on this machine has these. "
            "Install fonts (on Debian: apt install fonts-dejavu-core fonts-noto-cjk)."
        )))


def language_choice() -> Language:
    """The reader's own to begin with; the address keeps another."""
    key, own = "report-language", spoken.spoken()
    address.chosen(key, list(LANGUAGES), default=own)
    chosen: Language | None = st.segmented_control(
        _("Language of the report"), list(LANGUAGES), format_func=LANGUAGES.__getitem__, required=True, key=key,
        help=_("The words of the report; names and your own texts stay as they are."),
    )
    address.write(key, [chosen or own], default=[own])
    return chosen or own


def show(experiment_id: str) -> None:
    view = lab().experiment(experiment_id)
    show_around(view, places.REPORT)
    st.title(_("Report"), anchor=False)
    if not any(run.score is not None for run in view.runs):
        st.info(
            _("Nothing has been tested yet, so there is nothing to report. Come back when the first network is done."),
            icon=":material/hourglass:",
        )
        return
    if view.row.state in words.ACTIVE:
        st.info(
            _("The experiment still goes on; a report made now says what is there now."), icon=":material/info:"
        )
    left, right = st.columns([2, 3], gap="large")
    with left:
        write(view)
        language = language_choice()
        take(view, language)
    with right:
        page = lab().reports.make(experiment_id, language=language)
        # In a frame of its own, with its own policy, as the file will be.
        with st.container(border=True):
            st.iframe(page.content.decode(), height=PREVIEW_PX, alt=_("Preview of the report"))


def choose() -> None:
    """Without an experiment in the address."""
    st.title(_("Report"), anchor=False)
    names = offered_experiments("id")
    if not names:
        st.info(_("There is nothing to report yet. Run an experiment first."), icon=":material/science:")
        places.link(places.HOME, _("To the experiments"), icon=":material/arrow_forward:")
        return
    chosen = st.selectbox(
        _("Experiment"), list(names), index=None, format_func=names.__getitem__, key="report-of",
        placeholder=_("Choose one"), help=_("Which experiment to report on."),
    )
    if chosen:
        places.go(places.REPORT, id=chosen)


chosen_id = st.query_params.get("id", "")
show(chosen_id) if chosen_id else choose()
