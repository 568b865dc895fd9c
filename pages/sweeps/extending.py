"""More of a sweep at rest: values of its axes, trials, seeds."""

from __future__ import annotations

from typing import Any, cast

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.errors import LabError
from distill_core.language import _, told
from distill_core.sweep_rows import SweepRow
from distill_core.sweep_spec import NUMBERS, Axis
from distill_core.sweeps.cells import value_label
from pages.sweeps import states
from pages.ui import account
from pages.ui.axis_values import entries_field, names_for, numbers_typed
from pages.ui.guard import guarded
from pages.ui.numbers_list import parse_numbers
from pages.ui.session import lab

_POPOVER = "extend"


def extend_button(row: SweepRow) -> None:
    """Opens what can be added."""
    mine = account.may_change(row.owner)
    with st.popover(
        _("Add points"), icon=":material/add_circle:", key=_POPOVER, on_change="rerun", disabled=not mine,
        help=_("More values, trials or seeds. What is trained is not trained again.") if mine
        else account.why_not(row.owner),
    ), guarded():
        _fields(row)


def _fields(row: SweepRow) -> None:
    spec = row.spec
    values: dict[str, list[Any]] = {}
    for axis in spec.axes:
        # A range has every value between its ends already.
        if not axis.ranged and (added := _more_values(axis, row)):
            values[axis.field] = added
    trials = 0
    if spec.method.kind != "grid":
        trials = int(st.number_input(
            _("More trials"), value=0, min_value=0, max_value=4096, step=1, key=f"more-trials-{row.sweep_id}",
            help=_("Drawn, or proposed, in addition to those there are."),
        ))
    text = st.text_input(
        _("More seeds"), key=f"more-seeds-{row.sweep_id}", placeholder=_("such as 5-9"),
        help=_("Every trial is trained on them too; intervals become narrower."),
    )
    # What is no number stays text, which the service names.
    seeds = cast(list[int], parse_numbers(text or ""))
    lacks_trials = bool(values) and not trials and spec.method.kind != "grid"
    if lacks_trials:
        st.caption(_("Tell how many trials more; the new values may be drawn in these."))
    if st.button(
        _("Go on with these"), key="extend-go", type="primary", icon=":material/play_arrow:", width="stretch",
        disabled=lacks_trials or not (values or trials or seeds), help=_("The sweep goes on where it ended."),
    ):
        try:
            lab().sweeps.extend(row.sweep_id, values=values or None, trials=trials, seeds=seeds)
        except LabError as error:
            st.error(markdown_text(told(error.sentence)), icon=":material/error:")
        else:
            st.session_state[_POPOVER] = False
            st.rerun()


def _more_values(axis: Axis, row: SweepRow) -> list[Any]:
    """What is typed or chosen beyond the values there are."""
    key, label = f"more-{axis.field}-{row.sweep_id}", _("More of {axis}").format(axis=states.axis_in_words(axis))
    if axis.field in NUMBERS:
        example = _("such as 0.6, 0.8") if axis.field == "teacher_share" else _("such as 3, 6")
        text = st.text_input(
            markdown_text(label), key=key, placeholder=example, help=_("Numbers, separated by commas."),
        )
        return numbers_typed(text or "", whole=axis.field == "epochs")
    known = {value_label(value) for value in axis.values}
    offered = [name for name in names_for(axis.field, row.spec.base) if name not in known]
    return entries_field(
        markdown_text(label), axis.field, offered, key=key, help=_("Those that are not in the sweep yet."),
    )
