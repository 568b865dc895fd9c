"""One experiment: what it shows, its live curves and, once there, its verdict and figures."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from distill_core.charts.gains import gains
from distill_core.evaluation.metrics import heading, primary_metric
from distill_core.evaluation.verdict import Verdict
from distill_core.language import _, marked, told
from distill_core.rows import ExperimentView
from distill_core.signature import Task
from pages.experiments.heading import header
from pages.experiments.origins import about
from pages.ui import (
    address,
    answers,
    budget,
    compression_shown,
    corrections_panel,
    exporting,
    family,
    feedback_panel,
    latency_tables,
    places,
    plain_code_panel,
    progress,
    queue_line,
    results,
    teacher_card,
    variants_table,
    verdicts,
    words,
)
from pages.ui.live.chosen import curves
from pages.ui.session import lab, watched

OF_TASK: dict[Task, tuple[str, ...]] = {
    "classification": (marked("Per class"), marked("Confusion")), "tagging": ("Per class", "Confusion"),
    "regression": (marked("Predictions"),),
}

def tab_names(view: ExperimentView) -> tuple[str, ...]:
    compressed = view.spec.compression.chains or any(run.role == "compressed" for run in view.runs)
    first = (marked("Runs"), marked("Compression")) if compressed else ("Runs",)
    return (*first, marked("Trade-off"), *OF_TASK[view.task], marked("ONNX and latency"), marked("Log and settings"))


def judged(view: ExperimentView, found: Sequence[Verdict]) -> None:
    """The verdict first; the paired differences behind it."""
    if not found:
        return
    verdicts.show_verdicts(found, view.runs)
    st.caption(_("How this is judged"), help=_(verdicts.HELP))
    results.show_chart(
        gains(found, view.runs, theme=results.theme()), key="gains", file_name="gains",
        alt=_(
            "{heading}: difference from the student alone, by seed, with intervals"
        ).format(heading=told(heading(primary_metric(view.task), view.task))),
    )


def stage(view: ExperimentView) -> tuple[object, ...]:
    """What the parts of the page that are drawn once depend on; when it changes they are drawn again."""
    row = view.row
    return row.state, is_judged(view), tuple(run.state for run in view.runs), queue_line.place(row)


def is_judged(view: ExperimentView) -> bool:
    """Half of the seeds make no verdict: it is told at the end, or once every run is trained."""
    trained = [run for run in view.runs if run.role != "compressed"]
    return view.row.state not in words.ACTIVE or (bool(trained) and all(run.state in words.DONE for run in trained))


@st.fragment(run_every="2s", key="beside-live")
def beside_live(experiment_id: str, drawn: tuple[object, ...]) -> None:
    """Steps and numbers while the experiment is active; once it has moved on, the whole page follows."""
    view = watched(experiment_id)
    if stage(view) != drawn:
        st.rerun()
    beside(view)


def beside(view: ExperimentView) -> None:
    progress.show_numbers(view)
    with st.container(gap="xsmall"):
        progress.show_steps(view)
    teacher_card.show_card(view)
    for note in view.notes[-3:]:
        progress.show_note(note)


@st.fragment(run_every="2s", key="log-live")
def log_live(experiment_id: str) -> None:
    show_log(experiment_id)


def show_log(experiment_id: str) -> None:
    text = lab().log_tail(experiment_id)
    st.code(text or _("The log is empty."), language=None, height=280, wrap_lines=True)


def figures(view: ExperimentView, found: Sequence[Verdict]) -> None:
    """Everything behind the verdict, one tab each; the open tab is in the address."""
    active, runs = view.row.state in words.ACTIVE, view.runs
    names = tab_names(view)
    tabs = address.tabs(names)
    if tabs["Runs"].open:
        with tabs["Runs"]:
            variants_table.show_rows(runs, found, key="runs", expected=active)
            if not active:
                exporting.show_export(view)
            plain_code_panel.show_code(view)
    if "Compression" in tabs and tabs["Compression"].open:
        with tabs["Compression"]:
            compression_shown.show_compression(view, expected=active)
    if tabs["Trade-off"].open:
        with tabs["Trade-off"]:
            family.show_tradeoff(runs, key="of")
    shown = {"Per class": results.show_per_class, "Confusion": results.show_confusion,
             "Predictions": answers.show_answers}
    for name in OF_TASK[view.task]:
        if tabs[name].open:
            with tabs[name]:
                shown[name](runs, view.class_names, key="of")
    if tabs["ONNX and latency"].open:
        with tabs["ONNX and latency"]:
            latency_tables.show_latency(runs, key="of")
    if tabs["Log and settings"].open:
        with tabs["Log and settings"]:
            log_live(view.row.experiment_id) if active else show_log(view.row.experiment_id)
            exporting.show_files(view.row.experiment_id)
            with st.expander(_("Settings as JSON"), icon=":material/data_object:"):
                st.json(view.spec.to_json(), expanded=1)


def show(experiment_id: str) -> None:
    view = lab().experiment(experiment_id)
    # Always the same containers: were the curves to change their place, they would be mounted anew and lose their zoom.
    top, origin, verdict = st.container(), st.container(), st.container()
    with top:
        header(view)
    active = view.row.state in words.ACTIVE
    with origin:
        about(view)
        budget.banner_live(experiment_id) if active else budget.show_banner(view)
    found = lab().verdicts(experiment_id) if is_judged(view) else []
    with verdict:
        judged(view, found)
    if not active:
        feedback_panel.show_feedback(view)
    left, right = st.columns([2, 1], gap="medium")
    with left:
        st.header(_("Curves"), anchor=False)
        curves(view)
    with right:
        st.header(_("Progress") if active else _("What was done"), anchor=False, help=_(progress.HELP))
        if active:
            beside_live(experiment_id, stage(view))
        else:
            beside(view)
    figures(view, found)
    corrections_panel.show_corrections(view)


chosen_id = st.query_params.get("id", "")
if chosen_id:
    show(chosen_id)
else:
    st.title(_("Experiment"), anchor=False)
    st.info(_("The address names no experiment. Choose one from the list."), icon=":material/search:")
    places.link(places.HOME, _("All experiments"), icon=":material/arrow_back:")
