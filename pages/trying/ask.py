"""Try it: one sample, and what teacher, alone, distilled and compressed networks answer to it, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.charts.style import MOST_SERIES
from distill_core.errors import NotFound
from distill_core.language import _, told
from distill_core.rows import ExperimentView, RunRow
from distill_core.trying import Offer, Sample
from pages.trying import apart, giving, replying
from pages.ui import address, places
from pages.ui.around import show_around
from pages.ui.correcting import show_correcting
from pages.ui.one_experiment import chosen_experiment, offer_a_new_one
from pages.ui.session import lab


def chosen_runs(offer: Offer) -> list[RunRow]:
    """Which exported runs answer: at first one of each variant."""
    runs = {run.run_id: run for run in offer.runs}
    names = replying.names_of(offer.runs)
    firsts: dict[tuple[str, str], str] = {}
    for run in offer.runs:
        firsts.setdefault((run.role, run.name), run.run_id)
    default = list(firsts.values())[:MOST_SERIES]
    address.read("models", default=default, allowed=list(runs))
    chosen = st.multiselect(
        _("Models"), list(runs), key="models", max_selections=MOST_SERIES, format_func=lambda run_id: names[run_id],
        help=_(
            "Exported models, at most {most_series}. Other runs can be exported on the experiment's page."
        ).format(most_series=MOST_SERIES),
    )
    address.write("models", chosen, default=default)
    return [runs[run_id] for run_id in chosen]


def answers(view: ExperimentView, offer: Offer, sample: Sample | None) -> None:
    runs = chosen_runs(offer)
    if not runs:
        st.info(_("Choose at least one model."), icon=":material/checklist:")
    elif sample is None:
        st.info(_("The answers appear here, side by side, as soon as there is a sample."), icon=":material/forum:")
    else:
        replies = lab().trying.ask(runs, sample)
        replying.show_replies(view, offer, runs, sample, replies)
        if view.task == "classification":
            said, known = replying.classes(view, offer, runs, sample, replies)
            show_correcting(view.row.experiment_id, view, sample, said, known=known)


def header(view: ExperimentView) -> None:
    show_around(view, places.TRY)
    st.title(_("Try it"), anchor=False)


def nothing_yet(view: ExperimentView, error: NotFound) -> None:
    st.info(markdown_text(told(error.sentence)), icon=":material/deployed_code:")
    places.link(
        places.EXPERIMENT, _("Open the experiment"), icon=":material/monitoring:", id=view.row.experiment_id,
    )


def few_samples(offer: Offer) -> Sequence[str]:
    """What the page must say of the test samples it has."""
    tests = offer.tests
    if tests.shipped_only:
        return [_(
            "Only {number} of {total:,} test samples of this experiment are here, those in its bundles: it ran before "
            "all were kept."
        ).format(number=len(tests.rows), total=tests.total)]
    if len(tests.rows) < tests.total:
        text = _("{number:,} of {total:,} test samples are kept here, evenly spread.")
        return [text.format(number=len(tests.rows), total=tests.total)]
    return []


def show(experiment_id: str) -> None:
    view = lab().experiment(experiment_id)
    header(view)
    try:
        offer = lab().trying.offer(view)
    except NotFound as error:
        nothing_yet(view, error)
        return
    way = giving.chosen_way(offer)
    left, right = st.columns([1, 2], gap="large")
    with left:
        sample = apart.pick(view, offer) if way == "apart" else giving.give(way, view, offer)
        if way in ("test", "apart"):
            for line in few_samples(offer):
                st.caption(f":material/info: {line}")
    with right:
        answers(view, offer, sample)


if chosen_id := chosen_experiment(
    places.TRY, title=_("Try it"),
    about=_(
        "Give a sample, and every model of an experiment answers it: the teacher, the student alone, and its rivals."
    ),
    help=_("Those with trained models, newest first."),
    offer=lambda: offer_a_new_one(_("There is no experiment with a trained model yet.")),
):
    show(chosen_id)
