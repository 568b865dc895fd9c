"""An experiment's corrections: what was corrected and where it came from; removed with undo, exported, learnt from."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime

import pandas as pd
import streamlit as st

from distill_core.charts.names import plain_name
from distill_core.correction_sets import Source
from distill_core.corrections import Correction
from distill_core.errors import LabError
from distill_core.language import _, marked
from distill_core.rows import ExperimentView
from distill_core.signature import noun_of
from pages.ui import places, undo, words
from pages.ui.guard import tell
from pages.ui.session import lab

HELP = marked(
    "Answers that someone marked wrong, with the right class. A new experiment may learn from them; about a third is "
    "held back, to see what came of it."
)
SOURCES: dict[Source, str] = {
    "drawn": marked("drawn"), "upload": marked("uploaded"), "camera": marked("camera"), "test": marked("test set"),
    "typed": marked("typed"),
}
ROW_PX = 52
MOST_HEIGHT_PX = 480


def show_corrections(view: ExperimentView) -> None:
    """Nothing where there are none, and none was just removed."""
    identity = view.row.experiment_id
    found = lab().corrections.all(identity)
    waiting = undo.CORRECTIONS.waiting()
    if not found and (waiting is None or not waiting.startswith(f"{identity}/")):
        return
    st.header(_("Corrections"), anchor=False, help=_(HELP))
    undo.CORRECTIONS.show()
    if found:
        _outlook(view)
        chosen = _table(found)
        _actions(identity, found, chosen)


def _outlook(view: ExperimentView) -> None:
    """What the next experiment would do with them."""
    try:
        facts = lab().corrections.outlook(view.row.experiment_id)
    except LabError as error:
        tell(error)
        return
    noun = noun_of(view.input_kind)
    parts = [_("{corrections}: {learnt:,} to learn from, {held_back:,} held back").format(
        corrections=words.corrections(len(facts.samples)), learnt=facts.learnt, held_back=facts.held_back,
    )]
    if facts.from_test:
        text = _("{number:,} of the test set, for test {noun} never teach")
        parts.append(text.format(number=facts.from_test, noun=_(words.NOUNS[noun])))
    if view.spec.data.corrections:
        parts.append(_("those that this experiment learnt from are among them"))
    if facts.learnt and not facts.held_back:
        parts.append(_("a single one is learnt from, and nothing is held back to check it"))
    st.caption("; ".join(parts) + ".")


def _table(found: list[Correction]) -> Correction | None:
    """All of them, newest first; the one whose row is chosen."""
    pictures, texts = any(one.png for one in found), any(one.text for one in found)
    frame = pd.DataFrame([
        {
            **({"picture": data_url(one.png)} if pictures else {}),
            **({"text": plain_name(one.text, 200)} if texts else {}),
            "label": plain_name(one.label, 60),
            "answers": plain_name(said(one.answers), 200),
            "source": _(SOURCES[one.source]) + (
                "" if one.test_index is None else _(", row {row:,}").format(row=one.test_index)
            ),
            "at": datetime.fromtimestamp(one.at).astimezone(),
        }
        for one in found
    ])
    # The number of rows is part of the key: a choice by position must not outlive a removal.
    selected = st.dataframe(
        frame, key=f"corrections-{len(found)}", hide_index=True, width="stretch", row_height=ROW_PX,
        height=min(ROW_PX * len(found) + 40, MOST_HEIGHT_PX), on_select="rerun", selection_mode="single-row",
        alt=_("Corrected samples with their right class, the answers and where they came from"),
        column_config={
            "picture": st.column_config.ImageColumn(_("Sample"), help=_("As the networks see it."), width="small"),
            "text": st.column_config.TextColumn(_("Text"), help=_("What was read."), width="medium"),
            "label": st.column_config.TextColumn(_("Right class"), help=_("What someone said it is."), width="small"),
            "answers": st.column_config.TextColumn(_("Answers then"), help=_("What each network said."), width="large"),
            "source": st.column_config.TextColumn(_("From"), help=_("Where the sample came from."), width="small"),
            "at": st.column_config.DatetimeColumn(_("Corrected"), help=_("When."), format="distance", width="small"),
        },
    )
    rows = selected["selection"]["rows"]
    return found[rows[0]] if rows and rows[0] < len(found) else None


def said(answers: Mapping[str, str]) -> str:
    """Each class that was answered and by whom, the most frequent first."""
    by_class: dict[str, list[str]] = {}
    for name, answer in answers.items():
        by_class.setdefault(answer, []).append(name)
    if len(by_class) == 1 and len(answers) > 1:
        return _("{answer} by all {number}").format(answer=next(iter(by_class)), number=len(answers))
    ordered = sorted(by_class.items(), key=lambda one: -len(one[1]))
    text = _("{answer} by {names}")
    return "; ".join(text.format(answer=answer, names=", ".join(names)) for answer, names in ordered) or _("not kept")


def data_url(png: bytes | None) -> str | None:
    """A picture inside a table's cell."""
    return None if png is None else f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _actions(identity: str, found: list[Correction], chosen: Correction | None) -> None:
    with st.container(horizontal=True):
        if st.button(
            _("New experiment with these corrections"), key="learn-corrections", type="primary",
            icon=":material/school:",
            help=_("Opens this experiment's settings; what is trained then learns from the corrections too."),
        ):
            _begin(identity)
        # The download is made by another thread, which knows nobody: who asks is settled here.
        corrections = lab().corrections
        st.download_button(
            _("Export"), data=lambda: corrections.export(identity), key="export-corrections",
            file_name=f"corrections-{identity}.zip", mime="application/zip", icon=":material/download:",
            on_click="ignore", help=_("A table (CSV), the same as JSON, and the inputs as arrays and pictures."),
        )
        if st.button(
            _("Remove the chosen one"), key="remove-correction", type="tertiary", icon=":material/delete:",
            disabled=chosen is None, help=_("Choose a row first. It can be undone."),
        ) and chosen is not None:
            undo.CORRECTIONS.remove(
                f"{identity}/{chosen.correction_id}", _("The correction to {label}").format(label=chosen.label),
            )
            st.rerun()


def _begin(identity: str) -> None:
    try:
        digest = lab().corrections.freeze(identity)
    except LabError as error:
        tell(error)
        return
    places.go(places.NEW, **{"from": identity, "corrections": digest})
