"""Designing an experiment: a form from the catalogue, errors beside their fields, its cost before the start."""

from __future__ import annotations

import copy
import json
from typing import Any

import streamlit as st

from distill_core.charts.names import markdown_name, markdown_text
from distill_core.errors import LabError, Problem, SpecError
from distill_core.spec import LONGEST_NAME, ExperimentSpec
from pages.ui import address, spec_form, starting
from pages.ui.fields import Fields
from pages.ui.guard import tell
from pages.ui.preview_panel import show_preview
from pages.ui.session import lab

Json = dict[str, Any]
DRAFT, ORIGIN, GENERATION, PENDING, READ = "draft", "draft-origin", "draft-generation", "draft-pending", "draft-read"


def load(origin: tuple[str, str]) -> None:
    """Put a spec into the form; the widgets start anew."""
    kind, name = origin
    if kind == "experiment":
        spec = lab().experiment(name).spec.to_json()
    else:
        known = {preset.name: preset.spec for preset in lab().presets()}
        spec = known.get(name, known[starting.DEMO]).to_json()
    replace(lab().complete(spec).to_json())
    st.session_state[ORIGIN] = origin


def replace(draft: Json) -> None:
    """Fill the form anew; what its widgets said before is over."""
    st.session_state[DRAFT] = st.session_state[READ] = draft
    st.session_state[GENERATION] = st.session_state.get(GENERATION, 0) + 1


def pend(action: str, number: int = 0) -> None:
    """Remember a change of the list of students; it is made once this run has read all fields."""
    st.session_state[PENDING] = (action, number)


def apply_pending(data: Json) -> None:
    action, number = st.session_state.pop(PENDING)
    students = data["students"]
    if action == "remove":
        del students[number]
    else:
        twin = copy.deepcopy(students[number])
        twin["name"] = free_name(twin["name"], {student["name"] for student in students})
        students.insert(number + 1, twin)
    replace(data)
    st.rerun()


def free_name(name: str, taken: set[str]) -> str:
    """A name like the given one that no other student has."""
    number = 2
    while (found := f"{name[: LONGEST_NAME - 6]} ({number})") in taken:
        number += 1
    return found


def choose_start() -> tuple[str, str]:
    """Which experiment the form repeats, or which preset fills it; the address tells."""
    if source := st.query_params.get("from"):
        row = lab().experiment(source).row
        st.info(
            f"Same as **{markdown_name(row.name, 60)}**, but: change what you like. Whatever stays the same is "
            "reused, not trained again.",
            icon=":material/content_copy:",
        )
        return "experiment", source
    presets = {preset.name: preset for preset in lab().presets()}
    address.read("preset", default=[starting.DEMO], allowed=list(presets), single=True)
    name = st.selectbox(
        "Start from", list(presets), key="preset", format_func=lambda one: presets[one].title,
        help="Fills the form; everything can be changed.",
    )
    address.write("preset", [name], default=[starting.DEMO])
    st.caption(presets[name].summary)
    if presets[name].needs_path:
        st.info(
            "Give the folder of your images under Data, Path; it lies on the machine that trains.",
            icon=":material/folder:",
        )
    return "preset", name


def form(fields: Fields, draft: Json) -> Json:
    """All sections; returns what the fields now say."""
    catalogue, result = lab().catalogue(), copy.deepcopy(draft)
    with st.container(border=True):
        result |= spec_form.title_section(fields, draft)
    with st.container(border=True, key="card-data"):
        st.subheader("Data", anchor=False)
        result["data"] = spec_form.data_section(fields, catalogue, draft["data"])
    with st.container(border=True, key="card-teacher"):
        st.subheader(
            "Teacher", anchor=False, help="The network the students imitate; trained on all labels it may know.",
        )
        result["teacher"] = spec_form.teacher_section(fields, catalogue, draft["teacher"])
    with st.container(border=True, key="card-students"):
        st.subheader(
            "Students", anchor=False,
            help="The same network trained alone on labels is always added, if none of these is it.",
        )
        result["students"] = students(fields, draft["students"])
        fields.slot("students")
    with st.container(border=True, key="card-budget"):
        st.subheader(
            "Students' budget", anchor=False, help="The same for every variant, so that only the targets differ.",
        )
        result["student_training"] = spec_form.training_section(fields, "student_training", draft["student_training"])
        result["student_views"] = spec_form.views_section(fields, "student_views", draft["student_views"])
    with st.container(border=True, key="card-seeds-and-device"):
        st.subheader("Seeds and device", anchor=False)
        result |= spec_form.run_section(fields, draft, lab().doctor()["devices"])
    return result


def students(fields: Fields, drafts: list[Json]) -> list[Json]:
    """One fold a variant, with what can be done to it."""
    result = []
    for number, student in enumerate(drafts):
        # Keyed by place and generation: a fold must not close while its name is typed.
        with st.expander(
            spec_form.headline(student, lab().catalogue()), expanded=len(drafts) < 3, icon=":material/school:",
            key=fields.key(f"fold-{number}"),
        ):
            result.append(spec_form.student_section(fields, lab().catalogue(), student, number))
            with st.container(horizontal=True):
                st.button("Duplicate", key=fields.key(f"twin-{number}"), icon=":material/content_copy:", on_click=pend,
                    args=("duplicate", number),
                          help="A second variant to change one thing in.")
                st.button("Remove", key=fields.key(f"remove-{number}"), icon=":material/delete:", type="tertiary",
                    on_click=pend,
                          args=("remove", number), disabled=len(drafts) == 1,
                          help="Takes this variant out of the form.")
    st.button("Add a student", key=fields.key("add"), icon=":material/add:", on_click=pend,
        args=("duplicate", len(drafts) - 1),
              help="A copy of the last one, to change.")
    return result


def as_json(data: Json) -> None:
    """The same spec as text, both ways."""
    with st.expander("Edit as JSON", icon=":material/data_object:"):
        text = st.text_area(
            "Spec", value=json.dumps(data, indent=1), height=360,
            key=f"json-{st.session_state[GENERATION]}-{hash(json.dumps(data))}",
            help="The file that `python -m distill_core run SPEC.json` reads.", label_visibility="collapsed",
        )
        if st.button(
            "Apply to the form", key="apply-json", icon=":material/upload:",
            help="Checks the text and fills the form with it.",
        ):
            try:
                replace(lab().complete(json.loads(text or "")).to_json())
            except ValueError as error:
                st.error(f"This is not valid JSON: {markdown_text(str(error))}.", icon=":material/error:")
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


def start_panel(spec: ExperimentSpec | None, problems: list[Problem]) -> None:
    with st.container(border=True, key="start-panel"):
        show_preview(spec)
        st.divider()
        if problems:
            lines = "\n".join(f"- {markdown_text(str(problem))}" for problem in problems)
            st.error(lines, icon=":material/error:", title=f"{len(problems)} field{'s' * (len(problems) > 1)} to mend")
        if st.button("Start", key="start", type="primary", icon=":material/play_arrow:", width="stretch",
            disabled=spec is None,
                     help="Runs in the background; closing this tab does not stop it.") and spec is not None:
            starting.launch(spec, purpose="form")


def bring(origin: tuple[str, str]) -> None:
    """Make sure the form holds what the page is about."""
    if st.session_state.get(ORIGIN) != origin or DRAFT not in st.session_state:
        load(origin)
    elif Fields(st.session_state[GENERATION]).key("name") not in st.session_state:
        # Back from another page, where Streamlit forgot the widgets: go on with what they said.
        replace(st.session_state.get(READ, st.session_state[DRAFT]))


def show() -> None:
    st.title("New experiment", anchor=False)
    left, right = st.columns([5, 3], gap="medium")
    with left:
        bring(choose_start())
        fields = Fields(st.session_state[GENERATION])
        data = form(fields, st.session_state[DRAFT])
        if PENDING in st.session_state:
            apply_pending(data)
        as_json(data)
    st.session_state[READ] = data
    spec, problems = checked(data, fields)
    with right:
        start_panel(spec, problems)


show()
