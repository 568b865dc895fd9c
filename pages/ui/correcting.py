"""Marks an answer wrong: the right class, one press, and a way back."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from distill_core.charts.names import markdown_name, markdown_text, plain_name
from distill_core.correction_sets import sample_id
from distill_core.corrections import Correction
from distill_core.errors import LabError
from distill_core.language import _, told
from distill_core.rows import ExperimentView
from distill_core.signature import noun_of
from distill_core.trying import Sample
from pages.ui import places, words
from pages.ui.guard import tell
from pages.ui.session import lab


def show_correcting(
    experiment_id: str, view: ExperimentView, sample: Sample, answers: Mapping[str, str] | None = None, *,
    known: str | None = None,
) -> None:
    """Below the answers to a sample: choose its right class and keep it; `answers` are classes by a network's name.

    `known` is the class that the data give it, if they do. Only classes can be corrected: of other tasks nothing is
    shown.
    """
    if view.task != "classification":
        return
    with st.container(border=True, key="correcting"):
        kept = lab().corrections.find(experiment_id, sample.inputs)
        if kept is None:
            _ask(experiment_id, view, sample, dict(answers or {}), known=known)
        else:
            _kept(experiment_id, kept)
        count = len(lab().corrections.all(experiment_id))
        if count:
            places.link(
                places.EXPERIMENT, _(
                    "{corrections} of this experiment"
                ).format(corrections=words.corrections(count)), icon=":material/rate_review:",
                help=_("Look at them, export them, or start the next experiment with them."), id=experiment_id,
            )


def _ask(
    experiment_id: str, view: ExperimentView, sample: Sample, answers: dict[str, str], *, known: str | None
) -> None:
    noun, identity = noun_of(view.input_kind)[:-1], sample_id(sample.inputs)
    st.markdown(_("**Is an answer wrong?**"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        # Keyed by the sample: the class chosen for one must not stand beside the next.
        label = st.selectbox(
            _("Right class"), view.class_names, key=f"right-class-{identity}", width=260,
            index=view.class_names.index(known) if known in view.class_names else None,
            placeholder=_("Choose the right class"), format_func=lambda name: plain_name(name, 60),
            help=_("What a perfect network would answer."),
        )
        agreed = bool(answers) and set(answers.values()) == {label}
        pressed = st.button(
            _("This is wrong"), key=f"wrong-{identity}", icon=":material/flag:", disabled=label is None or agreed,
            help=_("Keeps this {noun} with its right class among the experiment's corrections.").format(noun=noun),
        )
    if agreed:
        st.caption(_("Every network answers that already, so there is nothing to correct."))
    elif sample.test_index is not None:
        st.caption(
            _("What is in the test set never teaches: corrected, it checks the next experiment and is learnt by none.")
        )
    else:
        st.caption(_("It joins this experiment's corrections, from which the next experiment may learn."))
    if pressed and label is not None:
        try:
            lab().corrections.add(experiment_id, sample, label, answers=answers)
        except LabError as error:
            tell(error)
            return
        st.toast(
            _("Noted: the right class is {label}.").format(label=markdown_name(label, 60)),
            icon=":material/check_circle:",
        )
        st.rerun()


def _kept(experiment_id: str, kept: Correction) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            _(
                ":material/check_circle: Corrected: the right class is **{label}**."
            ).format(label=markdown_name(kept.label, 60)),
            width="stretch",
        )
        st.button(
            _("Undo"), key=f"uncorrect-{kept.correction_id}", icon=":material/undo:", on_click=_take_back,
            args=(experiment_id, kept.correction_id), help=_("Takes it out of the corrections again."),
        )


def _take_back(experiment_id: str, correction_id: str) -> None:
    try:
        lab().corrections.remove(experiment_id, correction_id)
    except LabError as error:
        st.toast(markdown_text(told(error.sentence)), icon=":material/info:")
