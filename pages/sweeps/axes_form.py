"""The part of a sweep's form that says what varies: axes, their values or ranges, and the seeds."""

from __future__ import annotations

from typing import Any

import streamlit as st

from distill_core.charts.sweep_axes import axis_title
from distill_core.language import _, marked
from distill_core.spec import ExperimentSpec
from distill_core.sweep_spec import AXIS_FIELDS, NUMBERS, AxisField
from pages.sweeps import drafting
from pages.ui.axis_values import entries_field, names_for, numbers_typed, numbers_written
from pages.ui.fields import Fields
from pages.ui.numbers_list import parse_numbers, write_numbers

Json = dict[str, Any]
HELP: dict[AxisField, str] = {
    "temperature": marked("How soft the teacher's answers are made before the student learns from them."),
    "teacher_share": marked("So much of the loss is learnt from the teacher, the rest from labels."),
    "teacher_weight": marked("The weight of the teacher's term, whatever that of the labels is."),
    "labels_weight": marked("The weight of the labels' term, whatever that of the teacher is; 0 leaves it out."),
    "term": marked("Which loss the student learns from the teacher by."),
    "student": marked("Which network learns."),
    "start": marked("From which weights the student begins."),
    "epochs": marked("The budget: each makes an experiment of its own, for only equal budgets train together."),
}
USUAL: dict[AxisField, list[Any]] = {
    "temperature": drafting.TEMPERATURES, "teacher_share": drafting.SHARES, "teacher_weight": [0.5, 1.0, 2.0],
    "labels_weight": [0.0, 0.5, 1.0], "start": ["random", "teacher"], "epochs": [10, 20, 40],
}
RANGES: dict[AxisField, tuple[float, float, bool]] = {
    "temperature": (1.0, 20.0, True), "teacher_share": (0.1, 1.0, False), "teacher_weight": (0.1, 10.0, True),
    "labels_weight": (0.01, 1.0, True), "epochs": (5, 40, True),
}


def axes_section(fields: Fields, draft: Json, base: ExperimentSpec | None, *, grid: bool) -> list[Json]:
    """The axes as the fields say now; `base` is None while the experiment has faults, `grid` leaves no ranges."""
    held = {axis["field"]: axis for axis in draft["axes"]}
    chosen = st.pills(
        _("Settings that vary"), list(AXIS_FIELDS), selection_mode="multi", default=list(held),
        key=fields.key("fields"), format_func=axis_title, help=_("Each adds an axis; two make a map."),
    )
    fields.slot("axes")
    typed: dict[str, Json] = st.session_state[drafting.TYPED]
    result = []
    for number, field in enumerate(chosen):
        # What was typed of an axis that was taken out comes back with it.
        axis = typed.get(field) or _usual(field, base)
        axis = _axis(fields, f"axes.{number}", field, axis, base, grid=grid, came_with=held.get(field, {}))
        typed[field] = axis
        result.append(axis)
    return result


def _usual(field: AxisField, base: ExperimentSpec | None) -> Json:
    values = USUAL.get(field, [])
    if not values and base is not None:
        values = list(names_for(field, base)[:3])
    return {"field": field, "values": values}


def _axis(
    fields: Fields, path: str, field: AxisField, axis: Json, base: ExperimentSpec | None, *, grid: bool, came_with: Json
) -> Json:
    """`came_with`: the axis as the form began with it, if it had one."""
    key = f"axis-{field}"
    if field not in NUMBERS:
        found = _names(fields, key, field, axis, base, came_with)
        fields.slot(path)
        return found
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        ranged = not grid and st.toggle(
            _("Range"), value=axis.get("low") is not None, key=fields.key(f"{key}-ranged"),
            help=_("Any number between two ends, instead of listed values."),
        )
        found = _range(fields, key, field, axis) if ranged else _list(fields, key, field, axis)
    fields.slot(path)
    return found


def _list(fields: Fields, key: str, field: AxisField, axis: Json) -> Json:
    text = st.text_input(
        axis_title(field), value=numbers_written(axis.get("values") or USUAL.get(field, [])), key=fields.key(key),
        help=f"{_(HELP[field])} {_('Numbers, separated by commas.')}",
    )
    return {"field": field, "values": numbers_typed(text or "", whole=field == "epochs")}


def _range(fields: Fields, key: str, field: AxisField, axis: Json) -> Json:
    low, high, log = RANGES[field]
    if axis.get("low") is not None:
        low, high, log = axis["low"], axis["high"], axis.get("log", False)
    whole = field == "epochs"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        low = st.number_input(
            _("{axis}: from").format(axis=axis_title(field)), value=float(low), key=fields.key(f"{key}-low"),
            format="%.4g", help=_(HELP[field]),
        )
        high = st.number_input(
            _("to"), value=float(high), key=fields.key(f"{key}-high"), format="%.4g", help=_("The upper end."),
        )
        log = st.toggle(
            _("By logarithm"), value=bool(log), key=fields.key(f"{key}-log"),
            help=_("As many draws between 1 and 2 as between 10 and 20."),
        )
    return {
        "field": field, "low": int(low) if whole and low == int(low) else low,
        "high": int(high) if whole and high == int(high) else high, "log": log,
    }


def _names(
    fields: Fields, key: str, field: AxisField, axis: Json, base: ExperimentSpec | None, came_with: Json
) -> Json:
    offered = [] if base is None else names_for(field, base)
    # What the form began with can be chosen again after it was taken out.
    values = entries_field(
        axis_title(field), field, [*(came_with.get("values") or []), *offered], held=axis.get("values") or [],
        key=fields.key(key), help=_(HELP[field]),
    )
    return {"field": field, "values": values}


def seeds_field(fields: Fields, base: Json) -> list[int | str]:
    """The seeds of every trial."""
    text = st.text_input(
        _("Seeds"), value=write_numbers(base["seeds"]), key=fields.key("seeds"),
        help=_("Every trial is trained once a seed, such as 0-4. One seed cannot tell neighbours apart."),
    )
    fields.slot("base.seeds")
    return parse_numbers(text or "")
