"""The pieces of a lesson, drawn alike for readers and before a class."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.gains import gains
from distill_core.charts.mixtures import mixtures
from distill_core.charts.names import markdown_text
from distill_core.charts.per_class import per_class
from distill_core.charts.staircase import staircase
from distill_core.errors import LabError
from distill_core.evaluation.metrics import heading, primary_metric
from distill_core.language import _, counted, told
from distill_core.lessons import Lesson
from distill_core.lessons.lesson import Part
from distill_core.lessons.outcome import Outcome, by_temperature, judged
from distill_core.lessons.staircase import line_shown
from distill_core.rows import RunRow
from pages.learn import controls
from pages.learn.taught import Taught
from pages.ui import account, places, progress, results, verdicts, words
from pages.ui.guard import tell
from pages.ui.live.component import live_curves, views_of
from pages.ui.presenting import is_presenting
from pages.ui.session import lab, watched


def part(found: Part) -> None:
    st.header(_(found.title), anchor=False)
    text(found)


def text(found: Part) -> None:
    st.markdown(_(found.text))


def formula(lesson: Lesson) -> None:
    with st.container(key="formula"):
        # A formula of several statements stands in as many lines: a phone has no room for them in one.
        for statement in lesson.formula.latex.split(r" \qquad "):
            st.latex(statement)
    st.markdown(_(lesson.formula.reads))


def question(lesson: Lesson) -> None:
    with st.container(border=not is_presenting(), key="question"):
        st.markdown(f"**{_(lesson.question)}**")


def answer(found: Taught) -> None:
    """From this experiment's own figures."""
    if found.outcome is None:
        st.info(_("The answer is taken from the experiment's figures: run the experiment first."),
                icon=":material/hourglass:")
        return
    for sentence in found.lesson.answer(found.outcome):
        st.markdown(sentence)


def papers(lesson: Lesson) -> None:
    if not lesson.papers:
        return
    st.markdown(f"**{_('To read')}**")
    st.markdown("\n".join(f"- [{paper.cited}]({paper.url}): {_(paper.says)}" for paper in lesson.papers))


# The experiment ---------------------------------------------------------------------------------


def experiment(found: Taught) -> None:
    """Started here if it was not run yet, live while it runs, its verdict and figure afterwards."""
    if found.outcome is not None:
        _finished(found, found.outcome)
    elif found.standing.is_moving:
        _moving(found)
    else:
        _missing(found)


def _missing(found: Taught) -> None:
    standing = found.standing
    networks = len(standing.spec.teachers) + len(standing.spec.students) * len(standing.spec.seeds)
    if standing.experiment_id:
        row = lab().experiment(standing.experiment_id).row
        st.warning(
            markdown_text(told(row.reason)) if row.reason else _("This experiment did not come to its end."),
            icon=":material/warning:",
        )
        _open(standing.experiment_id)
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="start-lesson"):
        st.markdown(_(
            "This lesson speaks of an experiment that has not been run here yet: {networks}, each of them small. It "
            "takes about a minute on a machine that is free; what other experiments have trained already is reused."
        ).format(networks=counted("{number} network", "{number} networks", networks)), width="stretch")
        if st.button(
            _("Start the experiment"), key="start", type="primary", icon=":material/play_arrow:",
            disabled=not account.may_launch(),
            help=_("Runs in the background; closing this tab does not stop it.") if account.may_launch()
            else account.why_not(),
        ):
            try:
                with st.spinner(_("Starting …")):
                    lab().lessons.start(standing.spec)
            except LabError as error:
                tell(error)
                return
            st.rerun()
    if not account.may_launch():
        st.caption(f":material/visibility: {account.why_not()}")


def _moving(found: Taught) -> None:
    experiment_id = found.standing.experiment_id
    view = lab().experiment(experiment_id)
    views = views_of(view.task)
    live_curves(
        experiment_id, state=str(view.row.state), view="accuracy", views=views,
        label=_("{figure} by epoch for every run").format(figure=views["accuracy"]["label"]),
        term_titles={entry.name: entry.title for entry in lab().catalogue().losses},
    )
    _watch(experiment_id, str(view.row.state))
    _open(experiment_id)


@st.fragment(run_every="2s", key="lesson-live")
def _watch(experiment_id: str, drawn: str) -> None:
    """Steps and time while it runs; when it has ended the whole lesson follows."""
    view = watched(experiment_id)
    if view.row.state not in words.ACTIVE or (view.row.state != drawn and drawn == "queued"):
        st.rerun()
    progress.show_numbers(view)
    if not is_presenting():
        progress.show_steps(view)


def _finished(found: Taught, outcome: Outcome) -> None:
    distilled = {run.name for run in outcome.view.runs if run.role == "student"}
    best = sorted(
        (one for one in outcome.verdicts if one.student in distilled), key=lambda one: -one.delta_mean,
    )
    # A staircase speaks of what compressing did, not of what distilling did.
    for verdict in best[: 0 if found.lesson.chart == "staircase" else 1 if is_presenting() else 2]:
        if is_presenting():
            st.markdown(judged(verdict))
        else:
            verdicts.show_verdict(verdict)
    _figure(found, outcome)
    if not is_presenting():
        _open(outcome.view.row.experiment_id)


def _figure(found: Taught, outcome: Outcome) -> None:
    view, kind = outcome.view, found.lesson.chart
    title = heading(primary_metric(view.task), view.task)
    if kind == "temperatures":
        scores = {f"T = {one:g}": outcome.scores(name) for one, name in by_temperature(outcome.spec).items()}
        seed = controls.seed(outcome, list(scores.values()))
        figure, alt = mixtures(
            scores, title=_("Temperature of the soft labels"), theme=results.theme(),
            alone=outcome.scores(outcome.baseline()), seed=seed,
        ), _("Test accuracy against the temperature, with the student alone")
    elif kind == "classes":
        seed = controls.seed(outcome, [outcome.scores(outcome.baseline())])
        figure, alt = per_class(
            _of_seed(view.runs, seed), view.class_names, theme=results.theme(),
        ), _("Share of each class recognised, by variant")
    elif kind == "staircase":
        line = line_shown(view.runs)
        if line is None:
            st.info(_("No staircase of this experiment was made to its end."), icon=":material/stairs:")
            return
        figure, alt = staircase(line, theme=results.theme(), teacher=view.teachers[:1]), _(
            "Accuracy, file size, MACs and latency after each step of the compression"
        )
    else:
        figure, alt = gains(outcome.verdicts, view.runs, theme=results.theme()), _(
            "{figure}: difference from the student alone, by seed, with intervals"
        ).format(figure=title)
    controls.show_figure(figure, key=f"lesson-{kind}", alt=alt)


def _of_seed(runs: tuple[RunRow, ...], seed: int | None) -> list[RunRow]:
    return [run for run in runs if seed is None or run.role == "teacher" or run.seed == seed]


def control(found: Taught) -> None:
    """What the reader moves."""
    st.markdown(_(found.lesson.control_says))
    if found.outcome is None:
        st.info(_("This opens once the experiment has run."), icon=":material/hourglass:")
        return
    controls.show(found, found.outcome)


def _open(experiment_id: str) -> None:
    places.link(places.EXPERIMENT, _("Open the experiment"), icon=":material/monitoring:", id=experiment_id)
