"""A regression's answers against the true values: teacher, alone and distilled side by side."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from distill_core.charts.answers import against_truth, limits_of
from distill_core.charts.names import markdown_text, plain_name
from distill_core.charts.variants import series_styles
from distill_core.errors import LabError
from distill_core.evaluation.saved import SavedAnswers
from distill_core.events import Role
from distill_core.language import _, told
from distill_core.rows import RunRow
from pages.ui.results import picture, show_chart, theme
from pages.ui.rivals import rival_names, rival_of
from pages.ui.session import lab

MOST_PANELS = 4
IN_A_ROW = 3
FIRST_SHOWN: tuple[Role, ...] = ("teacher", "baseline", "student")


def show_answers(runs: Sequence[RunRow], value_names: Sequence[str], *, key: str) -> None:
    """A picture a variant with the same axes; variants, seed and value are in the address."""
    tested = [run for run in runs if run.score is not None]
    if not tested:
        st.info(_("No run has been tested yet."), icon=":material/hourglass:")
        return
    names = rival_names(tested)
    firsts = [next((rival for rival in names if rival[1] == role), None) for role in FIRST_SHOWN]
    seeds = sorted({run.seed for run in tested if run.role != "teacher"})
    with st.container(horizontal=True):
        rivals = st.multiselect(
            _("Variants"), list(names), default=[rival for rival in firsts if rival], key="answers-of", width=420,
            bind="query-params", max_selections=MOST_PANELS, format_func=lambda one: names[one],
            help=_("Whose answers to show, at most {most_panels}.").format(most_panels=MOST_PANELS),
        )
        seed = st.selectbox(
            _("Seed"), seeds, key="answers-seed", width=120, bind="query-params",
            help=_("The students' seed; a teacher has its own."),
        ) if len(seeds) > 1 else next(iter(seeds), None)
        value = st.selectbox(
            _("Value"), range(len(value_names)), key="answers-value", width=180, bind="query-params",
            format_func=lambda index: plain_name(value_names[index]), help=_("Which of the predicted values."),
        ) if len(value_names) > 1 else 0
        image = picture()
    shown = [
        run for rival in rivals for run in tested
        if rival_of(run) == rival and (run.role == "teacher" or run.seed == seed)
    ]
    found = {run.run_id: answers for run in shown if (answers := _answers(run)) is not None}
    limits, looks = limits_of(found.values(), value), series_styles(tested, theme())
    drawn = [run for run in shown if run.run_id in found]
    for start in range(0, len(drawn), IN_A_ROW):
        row = drawn[start : start + IN_A_ROW]
        for column, run in zip(st.columns(min(IN_A_ROW, len(drawn)), gap="small"), row, strict=False):
            name = names[rival_of(run)]
            figure = against_truth(
                found[run.run_id], value, name=name, value_name=value_names[value], limits=limits, theme=theme(),
                color=looks[run.run_id]["color"],
            )
            with column:
                show_chart(
                    figure, key=f"{key}-answers-{run.experiment_id}-{run.run_id}", file_name=f"answers-{run.run_id}",
                    image=image, alt=_("Answers of {name} against the true values").format(name=plain_name(name)),
                )
    if not drawn:
        st.info(_("There are no saved answers of these variants on this seed."), icon=":material/info:")
        return
    st.caption(
        _("A dot a test sample. On the dotted line an answer is right. Values are standardised: 0 is the mean of the "
        "training values, 1 their standard deviation.")
    )


def _answers(run: RunRow) -> SavedAnswers | None:
    """None without saved answers, and where they cannot be read, which is told."""
    try:
        return lab().answers(run.experiment_id, run.run_id)
    except LabError as error:
        st.warning(markdown_text(told(error.sentence)), icon=":material/warning:")
        return None
