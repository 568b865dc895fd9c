"""The loss budget of an experiment's page: whose shares are stacked, and a banner where one term does all the work."""

from __future__ import annotations

import time

import streamlit as st

from distill_core.budgets import Dominated, weighted_terms
from distill_core.charts.names import markdown_text, plain_name
from distill_core.language import _, counted, told
from distill_core.rows import ExperimentView
from pages.ui import address
from pages.ui.recent import Recent
from pages.ui.session import lab, watched

# The views of the live curves that show one variant at a time.
STACKED = ("terms", "gradients")
MOST_BANNERS = 3
_STACK = "variant"
# Told from every epoch there is: all who watch an experiment share an answer, as long as it takes to look again.
_dominated: Recent[list[Dominated]] = Recent(fresh_seconds=3.5)


def term_titles(view: ExperimentView) -> dict[str, str]:
    """What each term of the experiment is called, by its name in the events."""
    titles = {entry.name: told(entry.title) for entry in lab().catalogue().losses}
    for student in view.spec.students:
        for term in weighted_terms(student):
            loss, _space, number = term.name.partition(" ")
            titles[term.name] = f"{titles.get(loss, loss)} {number}".rstrip()
    return titles


def stack_of(view: ExperimentView) -> tuple[str, ...]:
    """The runs whose terms are stacked: of the variant that the reader chooses, if several have several terms."""
    places = [
        str(place) for place, student in enumerate(view.spec.students) if len(weighted_terms(student)) > 1
    ]
    if not places:
        return ()
    chosen = places[0]
    if len(places) > 1:
        # By place: the names are the user's, and an address holds none.
        address.read(_STACK, default=places[:1], allowed=places, single=True)
        chosen = st.selectbox(
            _("Variant"), places, key=_STACK, width=320,
            format_func=lambda place: plain_name(view.spec.students[int(place)].name),
            help=_("Whose loss is taken apart. The shares are means over its seeds."),
        )
        address.write(_STACK, [chosen], default=places[:1])
    name = view.spec.students[int(chosen)].name
    return tuple(run.run_id for run in view.runs if run.name == name and run.role in ("baseline", "student"))


@st.fragment(run_every="4s", key="budget-live")
def banner_live(experiment_id: str) -> None:
    """The banner while the experiment runs."""
    show_banner(watched(experiment_id))


def show_banner(view: ExperimentView) -> None:
    """One sentence for each variant of which one term supplies nearly all; nothing where all have their share."""
    asked, runs = lab(), tuple(run.state for run in view.runs)
    found = _dominated.get(
        (asked.home.path, view.row.experiment_id, view.row.state, runs), lambda: asked.budgets.dominated(view),
        now=time.monotonic(),
    )
    titles = term_titles(view) if found else {}
    for one in found[:MOST_BANNERS]:
        st.warning(markdown_text(sentence(one, titles.get(one.found.term, one.found.term))),
                   icon=":material/balance:")
    if len(found) > MOST_BANNERS:
        more = len(found) - MOST_BANNERS
        st.caption(
            counted("The same holds for {number} more variant.", "The same holds for {number} more variants.", more)
        )


def sentence(one: Dominated, title: str) -> str:
    """What dominates, by how much, and what to do, as plain text; `title` is the term's."""
    found = one.found
    # Rounded down: 99.97% is not all of it.
    share = f"{int(found.share * 1000) / 10:g}%"
    if found.measure == "gradient":
        what = _("In “{variant}” the term “{term}” supplies {share} of the gradient, so the other terms hardly count.")
    else:
        what = _("In “{variant}” the term “{term}” supplies {share} of the loss; its gradient was not measured.")
    told = what.format(variant=plain_name(one.variant), term=title, share=share)
    if found.fair_weight is None:
        remedy = _("The others pull at nothing here: check what they read, or leave them out.")
    else:
        remedy = _("Lower its weight from {weight} to about {fair} to give it a fair share.")
    fair = "" if found.fair_weight is None else f"{found.fair_weight:g}"
    return f"{told} {remedy.format(weight=f'{found.weight:g}', fair=fair)}"
