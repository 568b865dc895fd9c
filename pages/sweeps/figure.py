"""The figure of a sweep that its reader chooses: map, lines, trade-off, course; its choices are in the address."""

from __future__ import annotations

from typing import Any

import streamlit as st

from distill_core.charts.names import plain_name
from distill_core.charts.sweep_axes import ShownAxis, axes_of, axis_title, value_word
from distill_core.charts.sweep_figures import FIGURES, Figure, figure_title
from distill_core.charts.sweep_front import COSTS, Cost, costs_there
from distill_core.language import _, marked
from distill_core.sweep_rows import SweepResults
from distill_core.sweep_spec import value_key
from pages.sweeps import importance
from pages.ui import address
from pages.ui.live_figure.component import sweep_figure
from pages.ui.live_figure.wanted import View, Wanted
from pages.ui.live_figure.watching import results_now
from pages.ui.session import lab

TRIAL = "trial"
_WIDE_PX = 236
# By their names in the address, each with what it shows for whoever cannot see it.
CHOICES: dict[str, tuple[View | None, str]] = {
    marked("Map"): ("map", marked("Map of the sweep: mean over seeds by two settings")),
    marked("All settings"): ("lines", marked("Parallel coordinates: every trial a line over its settings and figures")),
    marked("Trade-off"): ("front", marked("Validation figure against cost by trial, with the Pareto front")),
    marked("Best so far"): ("course", marked("Validation figure by trial and the best there was by then")),
    marked("Importance"): (None, marked("Share of each setting in the differences")),
}


def show_figure(results: SweepResults, *, chosen: int | None) -> None:
    """The chosen view; it follows the sweep without any script run."""
    names = list(CHOICES)
    first = address.chosen("view", names)
    name = str(st.segmented_control(
        _("View"), names, format_func=_, required=True, key="view", label_visibility="collapsed", wrap=True,
        help=_("All of them are of the same trials; press a cell, a dot or a line to see its trial."),
    ))
    address.write("view", [name], default=[first])
    view, label = CHOICES[name]
    if view is None:
        importance.show_importance(results)
        if results.row.going:
            _importance_moves(results.row.sweep_id, _seeds_known(results))
        return
    wanted = _wanted(view, results)
    if wanted is None:
        st.info(_("Nothing is measured yet that could stand against accuracy."), icon=":material/hourglass:")
        return
    sweep_figure(
        results.row.sweep_id, wanted, moving=results.row.going, label=_(label), chosen=chosen, on_trial=_open,
    )


@st.fragment(run_every="10s", key="sweep-importance-moves")
def _importance_moves(sweep_id: str, drawn: int) -> None:
    """Has the page drawn again once there are more figures; the chart itself would be mounted anew at every tick."""
    if _seeds_known(results_now(lab(), sweep_id)[1]) != drawn:
        st.rerun()


def _seeds_known(results: SweepResults) -> int:
    return sum(one.validation.seeds for one in results.trials)


def _open(number: int) -> None:
    """The trial that was pressed is shown beside the figure."""
    st.session_state[TRIAL] = number
    st.query_params[TRIAL] = str(number + 1)


def _wanted(view: View, results: SweepResults) -> Wanted | None:
    if view == "map":
        return _map_choices(results)
    if view == "front":
        costs = costs_there(results)
        if not costs:
            return None
        first = address.chosen("cost", costs)
        with st.container(horizontal=True):
            cost: Cost = st.selectbox(
                _("Against"), costs, key="cost", width=_WIDE_PX, format_func=lambda one: _(COSTS[one]),
                help=_("What a network costs whoever uses it."),
            )
        address.write("cost", [cost], default=[first])
        return Wanted(view, cost=cost)
    return Wanted(view)


def _map_choices(results: SweepResults) -> Wanted:
    """Which axes, which figure, and the values of the other axes."""
    axes = {axis.field: axis for axis in axes_of(results)}
    fields = list(axes)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        figure: Figure = _choose(
            "figure", list(FIGURES), label=_("Figure"), words={one: figure_title(one, results) for one in FIGURES},
            help_text=_("Validation chooses the best; test figures and gains only tell what came of it."),
        )
        if len(fields) == 1:
            return Wanted("map", x=fields[0], figure=figure)
        words = {field: axis_title(field) for field in fields}
        x = _choose("x", fields, label=_("Across"), words=words, help_text=_("The setting from left to right."))
        others = [field for field in fields if field != x]
        y = _choose("y", others, label=_("Upwards"), words=words, help_text=_("The setting from bottom to top."))
        fixed: dict[str, Any] = {}
        for field in others:
            if field != y and axes[field].stepped:
                found = _fixed(axes[field], ranged=bool((axis := results.row.spec.axis(field)) and axis.ranged))  # type: ignore[arg-type]
                fixed |= {} if found is None else {field: found}
    return Wanted("map", x=x, y=y, figure=figure, fixed=fixed)


def _choose(key: str, options: list[Any], *, label: str, words: dict[Any, str], help_text: str) -> Any:
    first = address.chosen(key, options)
    chosen = st.selectbox(
        label, options, key=key, width=_WIDE_PX, format_func=lambda one: words[one], help=help_text,
    )
    address.write(key, [chosen], default=[first])
    return chosen


def _fixed(axis: ShownAxis, *, ranged: bool) -> Any:
    """The value of an axis that the map does not show; None for the best of all."""
    if ranged:
        return None
    key, by_key = f"at-{axis.field}", {value_key(value): value for value in axis.values}
    first = address.chosen(key, ["", *by_key])
    chosen = st.selectbox(
        plain_name(axis.title), ["", *by_key], key=key, width=_WIDE_PX,
        format_func=lambda one: value_word(axis.field, by_key[one]) if one else _("the best of all"),
        help=_("A setting that the map does not show: one value of it, or in each cell the best trial of all."),
    )
    address.write(key, [chosen], default=[first])
    if not chosen:
        return None
    value = by_key[chosen]
    return value if isinstance(value, (str, int, float, dict)) else value.model_dump(mode="json")
