"""Compressing what an experiment has trained: chains of steps, in a new experiment that reuses its runs."""

from __future__ import annotations

from typing import Any

import streamlit as st

from distill_core.chains import best_variant, compressed_name
from distill_core.charts.names import markdown_name, markdown_text
from distill_core.errors import Problem, SpecError
from distill_core.language import _, counted
from distill_core.plan import with_baselines
from distill_core.plan_compression import TEACHER
from distill_core.rows import ExperimentView
from distill_core.spec import ExperimentSpec
from pages.ui import compression_form, places
from pages.ui.compression_form import Compressible
from pages.ui.fields import Fields
from pages.ui.session import lab
from pages.ui.start_panel import start_panel

Json = dict[str, Any]
SOURCE, DRAFT, READ, GENERATION = "compress-source", "compress-draft", "compress-read", "compress-generation"


def begin(draft: Json) -> None:
    """Fill the form anew; what its widgets said before is over."""
    st.session_state[DRAFT] = st.session_state[READ] = draft
    st.session_state[GENERATION] = st.session_state.get(GENERATION, 0) + 1


def bring(view: ExperimentView) -> Fields:
    """Make sure the form is about this experiment, with what was typed before one looked elsewhere."""
    source = view.row.experiment_id
    if st.session_state.get(SOURCE) != source or DRAFT not in st.session_state:
        compression = lab().complete(view.spec.to_json()).compression
        begin({"name": compressed_name(view.spec.name), "compression": compression.model_dump(mode="json")})
        st.session_state[SOURCE] = source
    elif fields_now().key("name") not in st.session_state:
        begin(st.session_state[READ])
    return fields_now()


def fields_now() -> Fields:
    return Fields(f"compress{st.session_state[GENERATION]}")


def variants(spec: ExperimentSpec) -> list[Compressible]:
    """All that can be compressed, students first."""
    students = with_baselines(spec, lab().catalogue())
    own = [Compressible(f"student:{student.name}", student.name, student.name) for student in students]
    return [*own, Compressible("teacher", TEACHER, TEACHER)]


def form(view: ExperimentView, fields: Fields, draft: Json) -> Json:
    """Name and chains, as the fields say now."""
    catalogue = lab().catalogue()
    dataset = view.spec.data.dataset
    able = frozenset({catalogue.input_kind(dataset), catalogue.task(dataset)})
    with st.container(border=True, key="card-chains"):
        st.header(_("What is done"), anchor=False, help=_(compression_form.HELP))
        compression = compression_form.compression_section(
            fields, catalogue, draft["compression"], variants(view.spec), able=able, first=best_variant(view.runs),
        )
    name = st.text_input(
        _("Name of the new experiment"), value=draft["name"], key=fields.key("name"),
        help=_("It holds the same runs and the compressed ones; the experiment you came from stays as it is."),
    )
    fields.slot("name")
    return {"name": name, "compression": compression}


def checked(view: ExperimentView, data: Json, fields: Fields) -> tuple[ExperimentSpec | None, list[Problem]]:
    """The spec to launch if it is sound and has something to make; else every problem, told beside its field."""
    if not data["compression"]["chains"]:
        return None, []
    try:
        return lab().check(view.spec.to_json() | data), []
    except SpecError as error:
        fields.tell(error.problems)
        return None, list(error.problems)


def tell_reuse(view: ExperimentView) -> None:
    """How many runs are taken over."""
    there = [run for run in view.runs if run.state in ("finished", "reused")]
    trained = sum(run.role != "compressed" for run in there)
    missing = sum(run.role != "compressed" for run in view.runs) - trained
    sentence = counted(
        "{number} trained run is reused, not trained again, as long as data, code and device are the same.",
        "{number} trained runs are reused, not trained again, as long as data, code and device are the same.", trained,
    )
    if missing:
        sentence += " " + counted(
            "{number} run of this experiment was not finished and will be trained first.",
            "{number} runs of this experiment was not finished and will be trained first.", missing,
        )
    st.info(sentence, icon=":material/recycling:")


def show(source: str) -> None:
    view = lab().experiment(source)
    name = markdown_name(view.row.name, 60)
    places.link(places.EXPERIMENT, _("Back to {name}").format(name=name), icon=":material/arrow_back:", id=source)
    st.title(_("Compress"), anchor=False)
    if not any(run.score is not None for run in view.runs):
        st.info(
            _("Nothing is trained in this experiment yet. Let it end, then compress what it has learnt."),
            icon=":material/hourglass:",
        )
        return
    st.caption(markdown_text(
        _("Each step makes a smaller network of its own, and the staircase shows what it saves and what it loses.")
    ))
    left, right = st.columns([5, 3], gap="medium")
    with left:
        fields = bring(view)
        data = form(view, fields, st.session_state[DRAFT])
        if compression_form.changed():
            begin(data)
            st.rerun()
    st.session_state[READ] = data
    spec, problems = checked(view, data, fields)
    with right:
        tell_reuse(view)
        start_panel(spec, problems, purpose="compress", tab="Compression")


chosen_id = st.query_params.get("from", "")
if chosen_id:
    show(chosen_id)
else:
    st.title(_("Compress"), anchor=False)
    st.info(
        _("The address names no experiment. Choose one, then press Compress on its page."), icon=":material/search:",
    )
    places.link(places.HOME, _("All experiments"), icon=":material/arrow_back:")
