"""Runs of any experiments side by side: table, charts, and only those settings that differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from distill_core.charts.names import plain_name
from distill_core.language import _, counted, marked
from distill_core.rows import ExperimentView, RunRow
from distill_core.spreadsheet import harmless_cell
from pages.compare.choice import Choice, choose_runs
from pages.ui import address, answers, family, places, results, tables, verdicts
from pages.ui.offered import offered_experiments
from pages.ui.session import lab
from pages.ui.spec_diff import differences

MOST_CHOSEN = 20
MOST_UNFOLDED, MOST_LINES = 3, 12
PREDICTIONS = marked("Predictions")
BY_CLASS: dict[str, Callable[..., None]] = {
    marked("Per class"): results.show_per_class, marked("Confusion"): results.show_confusion,
}


def pick() -> list[str]:
    """The chosen experiments; the address names them."""
    names = offered_experiments("ids")
    if not names:
        st.info(_("There is nothing to compare yet. Run an experiment first."), icon=":material/science:")
        places.link(places.HOME, _("To the experiments"), icon=":material/arrow_forward:")
        return []
    address.read("ids", allowed=list(names))
    if len(st.session_state["ids"]) > MOST_CHOSEN:
        st.warning(_(
            "The first {most_chosen} experiments are shown; more do not fit one page."
        ).format(most_chosen=MOST_CHOSEN), icon=":material/info:")
        st.session_state["ids"] = st.session_state["ids"][:MOST_CHOSEN]
    chosen = st.multiselect(
        _("Experiments"), list(names), key="ids", format_func=lambda one: names[one], max_selections=MOST_CHOSEN,
        placeholder=_("Choose one or more"), help=_("Their runs are shown together; the address keeps your choice."),
    )
    address.write("ids", chosen)
    return chosen


def csv_of(runs: Sequence[RunRow]) -> bytes:
    """The table as CSV; text that a spreadsheet would take for a formula is quoted."""
    frame = tables.run_frame(runs, with_experiment=True)
    for column in ("experiment", "name", "stop_rule"):
        frame[column] = [harmless_cell(str(text)) for text in frame[column]]
    return frame.to_csv(index=False).encode()


def show_differences(views: Sequence[ExperimentView]) -> None:
    if len(views) < 2:
        st.info(_("Choose a second experiment to see in which settings they differ."), icon=":material/difference:")
        return
    rows = differences([view.spec for view in views])
    if not rows:
        st.info(_("The settings are the same, apart from names."), icon=":material/equal:")
        return
    columns = {"setting": st.column_config.TextColumn(_("Setting"), help=_("Path in the spec."), width="medium")}
    columns |= {
        str(number): st.column_config.TextColumn(
            plain_name(view.row.name, 32), help=_(
                "Experiment {experiment_id}"
            ).format(experiment_id=view.row.experiment_id), width="medium",
        )
        for number, view in enumerate(views)
    }
    st.dataframe(pd.DataFrame(rows), key="differences", hide_index=True, width="stretch", column_config=columns,
                 alt=_("Settings in which the experiments differ"))


def show_verdicts(views: Sequence[ExperimentView], choice: Choice) -> None:
    """A line a verdict of the chosen variants; many are folded, so that the figures stay near."""
    lines = len({(run.experiment_id, run.name) for run in choice.runs if run.role == "student"})
    many = len(views) > MOST_UNFOLDED or lines > MOST_LINES
    label = counted("Verdicts of {number} experiment", "Verdicts of {number} experiments", len(views))
    if len(views) == 1:
        label = counted("{number} verdict", "{number} verdicts", lines)
    with st.expander(label, icon=":material/balance:", key="verdicts") if many else st.container():
        verdicts.show_lines([(view.row, lab().verdicts(view.row.experiment_id)) for view in views], choice.runs)
        if choice.is_part:
            st.caption(_("A verdict counts all seeds of its experiment, also those that are not chosen here."))


def tab_names(views: Sequence[ExperimentView]) -> list[str]:
    """Charts by class are left out where every experiment is a regression, its own where none is."""
    tasks = {view.task for view in views}
    middle = [*([] if tasks == {"regression"} else BY_CLASS), *([PREDICTIONS] if "regression" in tasks else [])]
    return [marked("Runs"), marked("Trade-off"), *middle, marked("Differences")]


def show_outputs(
    views: Sequence[ExperimentView], runs: Sequence[RunRow], draw: Callable[..., None], *, regression: bool
) -> None:
    """A chart by class or by value, of those experiments that have such; they must have the same."""
    fitting = [view for view in views if (view.task == "regression") == regression]
    if len({(view.task, view.class_names) for view in fitting}) > 1:
        st.info(
            _("These experiments have different values, so their values cannot stand side by side.") if regression
            else _("These experiments have different classes, so their classes cannot stand side by side."),
            icon=":material/info:",
        )
        return
    mine = {view.row.experiment_id for view in fitting}
    draw([run for run in runs if run.experiment_id in mine], fitting[0].class_names, key="compare")


def show_all(views: Sequence[ExperimentView]) -> None:
    choice = choose_runs(views, lab().catalogue())
    runs = choice.runs
    show_verdicts(views, choice)
    names = tab_names(views)
    tabs = address.tabs(names)
    if tabs["Runs"].open:
        with tabs["Runs"]:
            tables.show_runs(runs, key="runs", with_experiment=len(views) > 1)
            st.download_button(
                _("Download as CSV"), data=lambda: csv_of(runs), file_name="runs.csv", mime="text/csv", key="csv",
                icon=":material/download:", on_click="ignore", help=_("All columns of these runs, unrounded."),
            )
    if tabs["Trade-off"].open:
        with tabs["Trade-off"]:
            family.show_tradeoff(runs, key="compare")
    for name, draw in [*BY_CLASS.items(), (PREDICTIONS, answers.show_answers)]:
        if name in tabs and tabs[name].open:
            with tabs[name]:
                show_outputs(views, runs, draw, regression=name == PREDICTIONS)
    if tabs["Differences"].open:
        with tabs["Differences"]:
            show_differences(views)


def show() -> None:
    st.title(_("Compare"), anchor=False)
    chosen = pick()
    if chosen:
        show_all([lab().experiment(one) for one in chosen])


show()
