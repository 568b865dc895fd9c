"""The draft of an experiment behind the form: what fills it, and changes of its lists of students and teachers."""

from __future__ import annotations

import copy
from typing import Any

import streamlit as st

from distill_core.language import told
from distill_core.planned import digest
from distill_core.spec import LONGEST_NAME
from pages.ui import of_trial, own_data, queue_line, same_as, starting
from pages.ui.fields import Fields
from pages.ui.session import lab

Json = dict[str, Any]
DRAFT, ORIGIN, GENERATION, READ, PENDING = (
    "draft", "draft-origin", "draft-generation", "draft-read", "draft-pending"
)


def load(origin: tuple[str, str]) -> None:
    """Put a spec into the form; the widgets start anew."""
    kind, name = origin
    if kind == "experiment":
        spec = same_as.settings(name)
    elif kind == "half":
        spec = queue_line.halved(same_as.settings(name))
    elif kind == "trial":
        spec = of_trial.settings(name)
    elif kind == "data":
        spec = own_data.own(name)
    elif kind == "dataset":
        spec = own_data.offered(name)
    else:
        known = {preset.name: preset.spec for preset in lab().presets()}
        spec = known.get(name, known[starting.DEMO]).to_json()
    draft = lab().complete(spec).to_json()
    if kind == "preset":
        # Of presets alone: a name that somebody gave is never told in other words.
        draft["name"] = told(draft["name"])
    replace(draft)
    st.session_state[ORIGIN] = origin


def replace(draft: Json) -> None:
    """Fill the form anew; what its widgets said before is over."""
    st.session_state[DRAFT] = st.session_state[READ] = draft
    st.session_state[GENERATION] = st.session_state.get(GENERATION, 0) + 1


def digest_of(data: Json) -> str:
    """A short name of what the form says, so that another page's address tells when it is something else."""
    return digest(data)


def pend(action: str, number: int = 0) -> None:
    """Remember a change of the list of students; it is made once this run has read all fields."""
    st.session_state[PENDING] = (action, number)


def apply_pending(data: Json) -> None:
    """Make the remembered change of what the fields say, if there is one, and begin the page anew."""
    if PENDING not in st.session_state:
        return
    action, number = st.session_state.pop(PENDING)
    students, teachers = data["students"], data["more_teachers"]
    if action == "remove":
        del students[number]
    elif action == "dismiss":
        del teachers[number]
    elif action == "heat":
        data = same_as.at_temperature(data, number)
    elif action == "hire":
        # Another seed makes it another network.
        like = (teachers or [data["teacher"]])[-1]
        teachers.append(copy.deepcopy(like) | {"seed": like["seed"] + 1})
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


def bring(origin: tuple[str, str]) -> None:
    """Make sure the form holds what the page is about."""
    if st.session_state.get(ORIGIN) != origin or DRAFT not in st.session_state:
        load(origin)
    elif Fields(st.session_state[GENERATION]).key("name") not in st.session_state:
        # Back from another page, where Streamlit forgot the widgets: go on with what they said.
        replace(st.session_state.get(READ, st.session_state[DRAFT]))
