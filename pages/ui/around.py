"""The pages of one experiment: the ways from its own page to its results, and from each of these to the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from distill_core.charts.names import markdown_name
from distill_core.language import _, marked
from distill_core.rows import ExperimentView
from pages.ui import places


def _is_tested(view: ExperimentView) -> bool:
    return any(run.score is not None for run in view.runs)


def _has_soft_labels(view: ExperimentView) -> bool:
    return view.task == "classification" and _is_tested(view)


def _is_exported(view: ExperimentView) -> bool:
    return any(run.onnx_path for run in view.runs)


@dataclass(frozen=True)
class Result:
    """A page about one experiment, and when there is something on it."""

    place: str
    title: str
    icon: str
    help: str
    is_there: Callable[[ExperimentView], bool]


# In the order in which most ask: why, how sure, does it work, and whom to tell.
RESULTS = (
    Result(places.LENS, marked("Lens"), ":material/lens_blur:",
           marked("What teacher and students think of one sample, at any temperature."), _has_soft_labels),
    Result(places.EVIDENCE, marked("Evidence"), ":material/fact_check:",
           marked("How sure the verdict is, what is gained and lost, and where."), _is_tested),
    Result(places.TRY, marked("Try it"), ":material/draw:",
           marked("Give a sample; all exported models answer side by side."), _is_exported),
    Result(places.REPORT, marked("Report"), ":material/description:",
           marked("One file for whoever decides: answer, charts, limits, how to repeat it."), _is_tested),
)


def results_of(view: ExperimentView) -> list[Result]:
    """What there is to look at by now."""
    return [result for result in RESULTS if result.is_there(view)]


def show_around(view: ExperimentView, here: str) -> None:
    """At the top of a page about an experiment: back to it, and on to what else there is of it."""
    identity = view.row.experiment_id
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="around"):
        places.link(places.EXPERIMENT, markdown_name(view.row.name, 60), icon=":material/arrow_back:", id=identity)
        for result in results_of(view):
            if result.place != here:
                places.link(result.place, _(result.title), icon=result.icon, help=_(result.help), id=identity)
