"""Runs of any experiments side by side: table, charts, and only those settings that differ."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from distill_core.charts.names import plain_name
from distill_core.errors import NotFound
from distill_core.rows import ExperimentView, RunRow
from pages.ui import address, places, results, tables, verdicts, words
from pages.ui.session import lab
from pages.ui.spec_diff import differences

MOST_OFFERED = 200
TABS = ("Runs", "Trade-off", "Per class", "Confusion", "Differences")


def pick() -> list[str]:
    """The chosen experiments; the address names them."""
    rows = {row.experiment_id: row for row in lab().experiments(limit=MOST_OFFERED)}
    names = {key: f"{plain_name(row.name, 48)} · {words.ago(row.created_at)}" for key, row in rows.items()}
    for wanted in st.query_params.get_all("ids"):
        if wanted not in names:
            try:
                names[wanted] = plain_name(lab().experiment(wanted).row.name, 48)
            except NotFound:
                st.warning(
                    f"There is no experiment {plain_name(wanted, 24)}; it is left out.", icon=":material/search_off:",
                )
    if not names:
        st.info("There is nothing to compare yet. Run an experiment first.", icon=":material/science:")
        places.link(places.HOME, "To the experiments", icon=":material/arrow_forward:")
        return []
    address.read("ids", allowed=list(names))
    chosen = st.multiselect(
        "Experiments", list(names), key="ids", format_func=lambda one: names[one], max_selections=8,
        placeholder="Choose one or more", help="Their runs are shown together; the address keeps your choice.",
    )
    address.write("ids", chosen)
    return chosen


def narrow(runs: Sequence[RunRow]) -> list[RunRow]:
    """Only some variants, if wanted. A student's own baseline always stays: no distilled figure without it."""
    variants: dict[tuple[str, str, str], RunRow] = {}
    for run in runs:
        variants.setdefault((run.experiment_id, run.role, run.name), run)
    several = len({run.experiment_id for run in runs}) > 1
    offered = {
        f"{run.experiment_id}.{run.run_id}": " · ".join(
            [plain_name(run.name), plain_name(run.experiment_name, 28)] if several else [plain_name(run.name)]
        )
        for run in variants.values() if run.role != "baseline"
    }
    address.read("only", allowed=list(offered))
    st.session_state["only"] = [one for one in st.session_state["only"] if one in offered]
    chosen = st.multiselect(
        "Only these", list(offered), key="only", format_func=lambda one: offered[one], placeholder="All variants",
        help="The student alone stays beside every distilled one, whatever you choose.",
    )
    address.write("only", chosen)
    if not chosen:
        return list(runs)
    kept = {key for key, run in variants.items() if f"{run.experiment_id}.{run.run_id}" in chosen}
    homes = {experiment_id for experiment_id, _, _ in kept}
    return [
        run for run in runs
        if (run.experiment_id, run.role, run.name) in kept or (run.role == "baseline" and run.experiment_id in homes)
    ]


def csv_of(runs: Sequence[RunRow]) -> bytes:
    """The table as CSV; text that a spreadsheet would take for a formula is quoted."""
    frame = tables.run_frame(runs, with_experiment=True)
    for column in ("experiment", "name", "stop_rule"):
        frame[column] = [f"'{text}" if str(text)[:1] in tuple("=+-@") else text for text in frame[column]]
    return frame.to_csv(index=False).encode()


def show_differences(views: Sequence[ExperimentView]) -> None:
    if len(views) < 2:
        st.info("Choose a second experiment to see in which settings they differ.", icon=":material/difference:")
        return
    rows = differences([view.spec for view in views])
    if not rows:
        st.info("The settings are the same, apart from names.", icon=":material/equal:")
        return
    columns = {"setting": st.column_config.TextColumn("Setting", help="Path in the spec.", width="medium")}
    columns |= {
        str(number): st.column_config.TextColumn(
            plain_name(view.row.name, 32), help=f"Experiment {view.row.experiment_id}", width="medium",
        )
        for number, view in enumerate(views)
    }
    st.dataframe(pd.DataFrame(rows), key="differences", hide_index=True, width="stretch", column_config=columns,
                 alt="Settings in which the experiments differ")


def show_all(views: Sequence[ExperimentView]) -> None:
    runs = narrow([run for view in views for run in view.runs])
    verdicts.show_lines([(view.row.name, lab().verdicts(view.row.experiment_id)) for view in views], runs)
    tabs = dict(zip(TABS, st.tabs(list(TABS), key="tab", bind="query-params", on_change="rerun"), strict=True))
    classes = {view.class_names for view in views}
    if tabs["Runs"].open:
        with tabs["Runs"]:
            tables.show_runs(runs, key="runs", with_experiment=len(views) > 1)
            st.download_button("Download as CSV", data=lambda: csv_of(runs), file_name="runs.csv", mime="text/csv",
                key="csv",
                               icon=":material/download:", on_click="ignore", help="All columns, unrounded.")
    if tabs["Trade-off"].open:
        with tabs["Trade-off"]:
            results.show_tradeoff(runs, key="compare")
    for name, draw in (("Per class", results.show_per_class), ("Confusion", results.show_confusion)):
        if tabs[name].open:
            with tabs[name]:
                if len(classes) == 1:
                    draw(runs, views[0].class_names, key="compare")
                else:
                    st.info(
                        "These experiments have different classes, so their classes cannot stand side by side.",
                        icon=":material/info:",
                    )
    if tabs["Differences"].open:
        with tabs["Differences"]:
            show_differences(views)


def show() -> None:
    st.title("Compare", anchor=False)
    chosen = pick()
    if chosen:
        show_all([lab().experiment(one) for one in chosen])


show()
