"""Keeps what the form says of students whose folds are closed: of many, only the open ones draw their fields."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.ui.fields import Fields

Json = dict[str, Any]


def starting(fields: Fields, number: int, drafted: Json) -> Json:
    """What the fields of a fold start from: what was said when it was last closed, at first the draft."""
    return _kept(fields).get(number, (drafted, drafted))[0]


def said(fields: Fields, number: int, student: Json, *, now: Json) -> Json:
    """Remembers what the fields of an open fold say `now`, which started from `student`."""
    _kept(fields)[number] = (student, now)
    return now


def closed(fields: Fields, number: int, student: Json) -> Json:
    """What a closed fold's fields said last; they start from there when it is opened again."""
    last = _kept(fields).get(number, (student, student))[1]
    _kept(fields)[number] = (last, last)
    return last


def _kept(fields: Fields) -> dict[int, tuple[Json, Json]]:
    """By place; a form that is filled anew has another key."""
    found: dict[int, tuple[Json, Json]] = st.session_state.setdefault(fields.key("students-kept"), {})
    return found
