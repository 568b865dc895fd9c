"""Designing an experiment: a form from the catalogue, errors beside their fields, its cost before the start."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import Any

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.errors import LabError, Problem, SpecError
from distill_core.language import _, told
from distill_core.plan_compression import TEACHER
from distill_core.signature import Task, noun_of
from distill_core.spec import MOST_TEACHERS, Choice, ExperimentSpec
from pages.ui import (
    address,
    compression_form,
    drafting,
    of_trial,
    own_data,
    places,
    queue_line,
    same_as,
    spec_form,
    starting,
    students_form,
    students_kept,
)
from pages.ui.fields import Fields
from pages.ui.guard import tell
from pages.ui.layer_picker import Layers, find_layers
from pages.ui.session import lab
from pages.ui.start_panel import start_panel
from pages.ui.teachers_form import teacher_section

Json = dict[str, Any]
MOST_DRAWN = 8


def choose_start() -> tuple[str, str]:
    """Which experiment the form repeats, or which preset fills it; the address tells."""
    if source := st.query_params.get("sweep"):
        return "trial", of_trial.tell(source)
    if source := st.query_params.get("from"):
        if st.query_params.get("batch") == "half":
            queue_line.tell_half(source)
            return "half", source
        return "experiment", same_as.told(source)
    if source := st.query_params.get("data"):
        own_data.tell(lab().shelf.get(source).name)
        return "data", source
    if source := st.query_params.get("dataset"):
        own_data.tell(lab().catalogue().datasets[source].title)
        return "dataset", source
    presets = {preset.name: preset for preset in lab().presets()}
    address.read("preset", default=[starting.DEMO], allowed=list(presets), single=True)
    name = st.selectbox(
        _("Start from"), list(presets), key="preset", format_func=lambda one: told(presets[one].title),
        help=_("Fills the form; everything can be changed."),
    )
    address.write("preset", [name], default=[starting.DEMO])
    st.caption(told(presets[name].summary))
    if presets[name].needs_path:
        st.info(
            _(
                "Give the place of your files under Data, Path; it lies on the machine that trains. Or upload them on "
                "the Data page and begin there."
            ),
            icon=":material/folder:",
        )
    return "preset", name


def form(fields: Fields, draft: Json) -> Json:
    """All sections; returns what the fields now say."""
    catalogue, result = lab().catalogue(), copy.deepcopy(draft)
    with st.container(border=True):
        result |= spec_form.title_section(fields, draft)
    with st.container(border=True, key="card-data"):
        st.header(_("Data"), anchor=False)
        result["data"] = spec_form.data_section(fields, catalogue, draft["data"])
    made = Choice.model_validate(result["data"]["dataset"])
    task = catalogue.task(made)
    able = frozenset({catalogue.input_kind(made), task})
    with st.container(border=True, key="card-teacher"):
        st.header(
            _("Teacher"), anchor=False, help=_("The network the students imitate; trained on all labels it may know."),
        )
        result |= teachers(fields, draft, able, task)
    with st.container(border=True, key="card-students"):
        st.header(
            _("Students"), anchor=False,
            help=_("The same network trained alone on labels is always added, if none of these is it."),
        )
        result["students"] = students(fields, draft["students"], result, able)
        fields.slot("students")
    with st.container(border=True, key="card-budget"):
        st.header(
            _("Students' budget"), anchor=False, help=_("The same for every variant, so that only the targets differ."),
        )
        result["student_training"] = spec_form.training_section(
            fields, "student_training", draft["student_training"], task=task,
        )
        result["student_views"] = spec_form.views_section(fields, "student_views", draft["student_views"], able=able)
    with st.container(border=True, key="card-seeds-and-device"):
        st.header(_("Seeds and device"), anchor=False)
        result |= spec_form.run_section(fields, draft, lab().doctor()["devices"])
    with st.container(border=True, key="card-compression"):
        st.header(_("Compress afterwards"), anchor=False, help=_(compression_form.HELP))
        result["compression"] = compression_form.compression_section(
            fields, catalogue, draft["compression"], compressible(draft, result), able=able,
            first=result["students"][-1]["name"],
        )
    return result


def compressible(draft: Json, now: Json) -> list[compression_form.Compressible]:
    """The students under the names they have now, those trained alone that are added, and the teacher."""
    found = [
        compression_form.Compressible(f"student:{number}", draft["students"][number]["name"], student["name"])
        for number, student in enumerate(now["students"])
    ]
    with suppress(LabError):
        # While the form has faults, what will be added cannot be told.
        spec = lab().complete(now | {"compression": {}})
        found += compression_form.added_baselines(spec, lab().catalogue())
    return [*found, compression_form.Compressible("teacher", TEACHER, TEACHER)]


def teachers(fields: Fields, draft: Json, able: frozenset[str], task: Task) -> Json:
    """The teacher, and those that teach beside it."""
    catalogue, more = lab().catalogue(), draft["more_teachers"]
    several = bool(more)
    result: Json = {
        "teacher": teacher_section(
            fields, catalogue, draft["teacher"], path="teacher", able=able, task=task, several=several,
        )
    }
    beside = []
    for number, teacher in enumerate(more):
        st.divider()
        st.markdown(_("**Teacher {number}**").format(number=number + 2))
        beside.append(
            teacher_section(
                fields, catalogue, teacher, path=f"more_teachers.{number}", able=able, task=task, several=True,
            )
        )
        st.button(
            _("Remove this teacher"), key=fields.key(f"dismiss-{number}"), icon=":material/delete:", type="tertiary",
            on_click=drafting.pend, args=("dismiss", number), help=_("Takes it out of the form."),
        )
    fields.slot("more_teachers")
    if len(more) < MOST_TEACHERS - 1:
        st.button(
            _("Add a teacher"), key=fields.key("hire"), icon=":material/group_add:", type="tertiary",
            on_click=drafting.pend, args=("hire", 0),
            help=_("Several teachers answer with the weighted mean of their logits."),
        )
    return result | {"more_teachers": beside}


def students(fields: Fields, drafts: list[Json], spec: Json, able: frozenset[str]) -> list[Json]:
    """One fold a variant, with what can be done to it."""
    catalogue = lab().catalogue()
    noun = noun_of(catalogue.input_kind(Choice.model_validate(spec["data"]["dataset"])))

    def layers(architecture: Json) -> Layers | None:
        return find_layers(spec["data"]["dataset"], spec["teacher"]["architecture"], architecture)

    result = []
    for number, drafted in enumerate(drafts):
        # A field costs as much as there are fields: of many students only the open ones have theirs.
        many = len(drafts) > MOST_DRAWN
        student = students_kept.starting(fields, number, drafted) if many else drafted
        lazy = many and students_form.fits(student, catalogue, able=able)
        # Keyed by place and generation: a fold must not close while its name is typed.
        fold = st.expander(
            students_form.headline(student, catalogue), expanded=len(drafts) < 3, icon=":material/school:",
            key=fields.key(f"fold-{number}"), on_change="rerun" if lazy else "ignore",
        )
        if lazy and not fold.open:
            result.append(students_kept.closed(fields, number, student))
            fields.slot(f"students.{number}")
            continue
        with fold:
            now = students_form.student_section(
                fields, catalogue, student, number, able=able, noun=noun, layers=layers,
            )
            result.append(students_kept.said(fields, number, student, now=now) if many else now)
            with st.container(horizontal=True):
                st.button(
                    _("Duplicate"), key=fields.key(f"twin-{number}"), icon=":material/content_copy:",
                    on_click=drafting.pend, args=("duplicate", number),
                    help=_("A second variant to change one thing in."),
                )
                st.button(
                    _("Remove"), key=fields.key(f"remove-{number}"), icon=":material/delete:", type="tertiary",
                    on_click=drafting.pend, args=("remove", number), disabled=len(drafts) == 1,
                    help=_("Takes this variant out of the form."),
                )
    st.button(
        _("Add a student"), key=fields.key("add"), icon=":material/add:", on_click=drafting.pend,
        args=("duplicate", len(drafts) - 1), help=_("A copy of the last one, to change."),
    )
    return result


def as_json(data: Json) -> None:
    """The same spec as text, both ways."""
    with st.expander(_("Edit as JSON"), icon=":material/data_object:"):
        text = st.text_area(
            _("Spec"), value=json.dumps(data, indent=1), height=360,
            key=f"json-{st.session_state[drafting.GENERATION]}-{hash(json.dumps(data))}",
            help=_("The file that `python -m distill_core run SPEC.json` reads."), label_visibility="collapsed",
        )
        if st.button(
            _("Apply to the form"), key="apply-json", icon=":material/upload:",
            help=_("Checks the text and fills the form with it."),
        ):
            try:
                drafting.replace(lab().complete(json.loads(text or "")).to_json())
            except ValueError as error:
                st.error(
                    _("This is not valid JSON: {error}.").format(error=markdown_text(str(error))),
                    icon=":material/error:",
                )
            except LabError as error:
                tell(error)
            else:
                st.rerun()


def checked(data: Json, fields: Fields) -> tuple[ExperimentSpec | None, list[Problem]]:
    """The spec if it is sound; else every problem, each already told beside its field."""
    try:
        return lab().check(data), []
    except SpecError as error:
        fields.tell(error.problems)
        return None, list(error.problems)


def show() -> None:
    st.title(_("New experiment"), anchor=False)
    left, right = st.columns([5, 3], gap="medium")
    with left:
        drafting.bring(choose_start())
        fields = Fields(st.session_state[drafting.GENERATION])
        data = form(fields, st.session_state[drafting.DRAFT])
        drafting.apply_pending(data)
        if compression_form.changed():
            drafting.replace(data)
            st.rerun()
        as_json(data)
    st.session_state[drafting.READ] = data
    spec, problems = checked(data, fields)
    with left:
        if spec is not None and st.button(
            _("Sweep this"), key="sweep-this", icon=":material/grid_on:", type="tertiary",
            help=_("Trains one of these students over a whole map of settings."),
        ):
            places.go(places.NEW_SWEEP, form=drafting.digest_of(data))
    with right:
        start_panel(spec, problems, purpose="form")


show()
