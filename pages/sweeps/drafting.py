"""The draft of a sweep behind its form: what fills it, and the experiment whose student is swept."""

from __future__ import annotations

from typing import Any

import streamlit as st

from distill_core.charts.names import markdown_name
from distill_core.errors import LabError
from distill_core.language import _, told
from distill_core.spec import LONGEST_NAME
from pages.ui import drafting as experiments
from pages.ui.fields import Fields
from pages.ui.session import lab

Json = dict[str, Any]
DRAFT, READ, ORIGIN, GENERATION, STUDENTS, TYPED = (
    "sweep-draft", "sweep-read", "sweep-origin", "sweep-generation", "sweep-students", "sweep-typed",
)
TEMPERATURES, SHARES = [1.0, 2.0, 4.0, 8.0, 16.0], [0.25, 0.5, 0.75, 0.9, 1.0]
_BASE = "base:"


def origin() -> tuple[str, str]:
    """What the address says the form begins with; a preset that can be chosen otherwise."""
    for kind in ("from", "experiment", "form"):
        # In another tab the experiment's form holds nothing: the sweep begins as it would without it.
        if (source := st.query_params.get(kind)) and (kind != "form" or experiments.READ in st.session_state):
            return kind, source
    return "preset", ""


def bring(begun: tuple[str, str]) -> Fields:
    """Make sure the form holds what the page is about, with what was typed before one looked elsewhere."""
    if st.session_state.get(ORIGIN) != begun or DRAFT not in st.session_state:
        _load(begun)
    elif fields().key("name") not in st.session_state:
        replace(st.session_state[READ])
    return fields()


def fields() -> Fields:
    return Fields(f"sweep{st.session_state[GENERATION]}")


def replace(draft: Json, *, students: list[Json] | None = None) -> None:
    """Fill the form anew; what its widgets said before is over."""
    st.session_state[DRAFT] = st.session_state[READ] = draft
    st.session_state[GENERATION] = st.session_state.get(GENERATION, 0) + 1
    st.session_state[TYPED] = {axis["field"]: axis for axis in draft["axes"]}
    if students is not None:
        st.session_state[STUDENTS] = students


def starts() -> dict[str, str]:
    """What the form can begin with, by name: sweeps that come with the lab, then experiments to sweep around."""
    found = {preset.name: told(preset.title) for preset in lab().sweeps.presets()}
    around = {
        f"{_BASE}{preset.name}": _("Around: {title}").format(title=told(preset.title))
        for preset in lab().presets() if not preset.needs_path
    }
    return found | around


def summary_of(name: str) -> str:
    """What a start is, in a sentence."""
    presets = lab().presets() if name.startswith(_BASE) else lab().sweeps.presets()
    return next((told(preset.summary) for preset in presets if preset.name == name.removeprefix(_BASE)), "")


def _load(begun: tuple[str, str]) -> None:
    kind, name = begun
    if kind == "from":
        spec = lab().sweeps.find(name).spec.to_json()
        replace(spec, students=spec["base"]["students"])
    elif kind == "experiment":
        _begin(lab().experiment(name).spec.to_json())
    elif kind == "form":
        _begin(lab().complete(st.session_state[experiments.READ]).to_json())
    elif name.startswith(_BASE):
        spec = next(one for one in lab().presets() if one.name == name.removeprefix(_BASE)).spec.to_json()
        _begin(spec | {"name": told(spec["name"])})
    else:
        presets = lab().sweeps.presets()
        spec = next((one for one in presets if one.name == name), presets[0]).spec.to_json()
        # Of presets alone: a name that somebody gave is never told in other words.
        replace(spec | {"name": told(spec["name"])}, students=spec["base"]["students"])
    st.session_state[ORIGIN] = begun


def _begin(experiment: Json) -> None:
    """A sweep around one student of an experiment, the first that learns from the teacher."""
    catalogue, students = lab().catalogue(), experiment["students"]
    taught = [one for one in students if _teacher_terms(one, catalogue)]
    student = (taught or students)[0]
    axes = [{"field": "teacher_share", "values": SHARES}]
    if any("temperature" in _parameters(term, catalogue) for term in student["terms"]):
        axes.insert(0, {"field": "temperature", "values": TEMPERATURES})
    base = experiment | {"students": [student], "compression": {}}
    name = _("{name}: sweep").format(name=experiment["name"][: LONGEST_NAME - 12])
    draft: Json = {"name": name[:LONGEST_NAME], "base": base, "axes": axes}
    try:
        draft = lab().sweeps.complete(draft).to_json()
    except LabError:
        # The form shows what is wrong; what it needs beside is filled in.
        draft |= {"shows": "", "method": {"kind": "grid"}, "objectives": ["accuracy"], "limits": {}}
    replace(draft, students=students)


def _teacher_terms(student: Json, catalogue: Any) -> list[Json]:
    return [term for term in student["terms"] if "teacher" in catalogue.losses[term["loss"]["name"]].traits]


def _parameters(term: Json, catalogue: Any) -> Json:
    properties: Json = catalogue.losses[term["loss"]["name"]].params.model_json_schema().get("properties", {})
    return properties


def around(draft: Json) -> str:
    """What stays the same in all trials, in a line of Markdown."""
    base = draft["base"]
    return _("{dataset} · teacher {teacher} · student {student} · {epochs} epochs").format(
        dataset=markdown_name(base["data"]["dataset"]["name"]),
        teacher=markdown_name(base["teacher"]["architecture"]["name"]),
        student=markdown_name(base["students"][0]["architecture"]["name"]),
        epochs=base["student_training"]["epochs"],
    )
