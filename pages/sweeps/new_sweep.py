"""Designing a sweep: what varies, how it is searched, what it costs before it starts."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from distill_core.charts.names import markdown_name, markdown_text, plain_name
from distill_core.errors import LabError, Problem, SpecError
from distill_core.language import _
from distill_core.spec import ExperimentSpec
from distill_core.sweep_rows import SweepPlan
from pages.sweeps import axes_form, drafting, search_form
from pages.sweeps.cost_panel import cost_panel
from pages.ui import address, places
from pages.ui.fields import Fields
from pages.ui.guard import tell
from pages.ui.session import lab

Json = dict[str, Any]
_LARGEST_FILE_BYTES = 1_000_000


def choose_start() -> tuple[str, str]:
    """What the form begins with; the address tells."""
    kind, source = drafting.origin()
    if kind == "from":
        name = markdown_name(lab().sweeps.find(source).name, 60)
        st.info(_("Settings of the sweep {name}; what stays the same is not trained again.").format(name=name),
                icon=":material/content_copy:")
    elif kind == "experiment":
        name = markdown_name(lab().experiment(source).row.name, 60)
        st.info(_("Around the experiment {name}; its runs are reused where a cell is the same.").format(name=name),
                icon=":material/science:")
    elif kind == "form":
        st.info(_("Around the experiment that you have in the form."), icon=":material/science:")
    else:
        options = drafting.starts()
        first = address.chosen("preset", list(options))
        source = st.selectbox(
            _("Start from"), list(options), key="preset", format_func=lambda one: options[one],
            help=_("Fills the form; everything can be changed."),
        )
        address.write("preset", [source], default=[first])
        st.caption(drafting.summary_of(source))
    return kind, source


def form(fields: Fields, draft: Json) -> Json:
    """All sections; returns what the fields now say."""
    result = dict(draft)
    with st.container(border=True, key="card-name"):
        result["name"] = st.text_input(
            _("Name of the sweep"), value=draft["name"], key=fields.key("name"),
            help=_("Shown in the list and on its page."),
        )
        fields.slot("name")
        result["base"] = base_section(fields, draft)
    try:
        base: ExperimentSpec | None = lab().complete(result["base"])
    except LabError:
        base = None
    with st.container(border=True, key="card-axes"):
        st.header(_("What varies"), anchor=False, help=_("Everything else is as in the experiment."))
        kind = search_form.method_choice(fields, draft["method"])
        result["axes"] = axes_form.axes_section(fields, draft, base, grid=kind == "grid")
        result["base"] = result["base"] | {"seeds": axes_form.seeds_field(fields, draft["base"])}
        result["method"] = search_form.method_section(fields, kind, draft["method"])
    with st.container(border=True, key="card-objectives"):
        st.header(_("What is looked for"), anchor=False)
        result |= search_form.objectives_section(fields, draft)
    return result


def base_section(fields: Fields, draft: Json) -> Json:
    """The experiment around which is swept: one line, and which of its students."""
    base: Json = draft["base"]
    students = st.session_state[drafting.STUDENTS]
    if len(students) > 1:
        names = [one["name"] for one in students]
        now = base["students"][0]["name"]
        name = st.selectbox(
            _("Student that is swept"), names, index=names.index(now) if now in names else 0,
            key=fields.key("student"), format_func=plain_name,
            help=_("Its settings are the middle of the sweep; the student alone is always trained beside it."),
        )
        base = base | {"students": [next(one for one in students if one["name"] == name)]}
    st.caption(drafting.around(draft | {"base": base}), help=_(
        "What stays the same in all trials. To change it, open the experiment in its form and press Sweep this there."
    ))
    fields.slot("base")
    return base


def as_json(data: Json) -> None:
    """The same sweep as text, both ways, and from a file."""
    with st.expander(_("Edit as JSON, or open a file"), icon=":material/data_object:"):
        file = st.file_uploader(
            _("A sweep's file"), type=["json"], key=f"sweep-file-{st.session_state[drafting.GENERATION]}",
            max_upload_size=1, help=_("As `python -m distill_core sweep run` reads it."),
        )
        given = file.getvalue()[:_LARGEST_FILE_BYTES].decode("utf-8", errors="replace") if file else ""
        text = st.text_area(
            _("Spec"), value=given or json.dumps(data, indent=1), height=320,
            key=f"sweep-json-{st.session_state[drafting.GENERATION]}-{hash(given or json.dumps(data))}",
            help=_("The file that `python -m distill_core sweep run SWEEP.json` reads."), label_visibility="collapsed",
        )
        if st.button(
            _("Apply to the form"), key="apply-json", icon=":material/upload:",
            help=_("Checks the text and fills the form with it."),
        ):
            try:
                spec = lab().sweeps.complete(json.loads(text or "")).to_json()
            except ValueError as error:
                st.error(_("This is not valid JSON: {error}.").format(error=markdown_text(str(error))),
                         icon=":material/error:")
            except LabError as error:
                tell(error)
            else:
                drafting.replace(spec, students=spec["base"]["students"])
                st.rerun()


def checked(data: Json, fields: Fields) -> tuple[SweepPlan | None, list[Problem]]:
    """The plan of a sound sweep; else every problem, each already told beside its field."""
    try:
        return lab().sweeps.plan(lab().sweeps.complete(data)), []
    except SpecError as error:
        fields.tell(error.problems)
        return None, list(error.problems)


def show() -> None:
    places.link(places.SWEEPS, _("All sweeps"), icon=":material/arrow_back:")
    st.title(_("New sweep"), anchor=False)
    left, right = st.columns([5, 3], gap="medium")
    with left:
        fields = drafting.bring(choose_start())
        data = form(fields, st.session_state[drafting.DRAFT])
        as_json(data)
    st.session_state[drafting.READ] = data
    plan, problems = checked(data, fields)
    with right:
        cost_panel(plan, problems)


show()
