"""A gallery of ranked test samples: pictures or words, what is true, what networks said, and the way to try each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from distill_core.charts.names import markdown_text, plain_name
from distill_core.errors import NotFound
from distill_core.evaluation.hardest import Ranked
from distill_core.language import _, counted
from distill_core.rows import ExperimentView, RunRow
from distill_core.trying import Offer
from pages.ui import places
from pages.ui.sample_cell import TEXT_CELL_PX, cell_width, show_input
from pages.ui.session import lab

ON_ONE_PAGE = 12
WIDER_PX = 132


def show_gallery(
    view: ExperimentView, found: Ranked, runs: Sequence[RunRow], *, key: str, amount: Callable[[float], str],
    words: Callable[[int], str] | None = None,
) -> None:
    """The first of the ranking first, so many a page; `amount` writes what it is ranked by.

    `words` of a class by its place, for tasks whose samples have one; without the inputs a row is told by its number.
    """
    offer = _offer(view)
    rows, places_of = found.rows, np.arange(len(found.rows))
    if offer is not None:
        kept = np.isin(rows, offer.tests.rows)
        if not kept.all():
            st.caption(":material/info: " + _(
                "Only samples whose inputs are kept here are shown: {kept} of {total} test samples."
            ).format(kept=f"{len(offer.tests.rows):,}", total=f"{offer.tests.total:,}"))
        rows, places_of = rows[kept], places_of[kept]
    if not len(rows):
        st.info(_("There is no such sample."), icon=":material/search_off:")
        return
    slot, pages = st.container(), -(-len(rows) // ON_ONE_PAGE)
    page = st.pagination(pages, key=f"{key}-page", bind="query-params") if pages > 1 else 1
    shown = slice((page - 1) * ON_ONE_PAGE, page * ON_ONE_PAGE)
    said = lab().evidence.said(view, runs, rows[shown].tolist()) if words is not None else None
    with slot:
        wide = TEXT_CELL_PX if offer is None else max(WIDER_PX, cell_width(offer))
        # Images of few pixels stay crisp in containers of such names.
        grid = st.grid("auto", min_column_width=wide, key=f"pixels-{key}")
    for number, (row, place) in enumerate(zip(rows[shown], places_of[shown], strict=True)):
        with grid.cell(), st.container(gap="xxsmall"):
            if offer is not None:
                show_input(offer, int(row))
            if said is not None and words is not None:
                st.markdown(markdown_text(_("True: {name}").format(name=words(int(said.label[number])))))
                st.caption(markdown_text(_answers(said.predicted[:, number], words)))
            st.caption(markdown_text(amount(float(found.amount[place]))))
            label = _("No. {row}").format(row=int(row))
            if offer is None:
                st.caption(label)
            else:
                places.link(
                    places.TRY, label, icon=":material/draw:", help=_("Ask the exported models about this sample."),
                    id=view.row.experiment_id, how="test", sample=str(int(row)),
                )


def class_words(view: ExperimentView) -> Callable[[int], str] | None:
    """How a class is named in a cell; None for tasks whose samples have no class of their own."""
    if view.task != "classification":
        return None
    return lambda place: plain_name(view.class_names[place], 18)


def _answers(predicted: np.ndarray, words: Callable[[int], str]) -> str:
    """The classes named, the most frequent first, each with how many networks did: 8 (9), 3 (4)."""
    found = Counter(int(one) for one in predicted).most_common(3)
    parts = [_("{name} ({count})").format(name=words(place), count=count) for place, count in found]
    return _("Said: {answers}").format(answers=", ".join(parts))


def _offer(view: ExperimentView) -> Offer | None:
    """The test inputs; without any exported run nobody knows how to show them, which is told."""
    try:
        return lab().trying.offer(view)
    except NotFound:
        st.caption(":material/info: " + _(
            "The samples themselves can be shown once a model of this experiment is exported; until then, their "
            "numbers."
        ))
        return None


def of_networks(runs: Sequence[RunRow]) -> str:
    """How many networks a ranking is the mean of."""
    return counted("{number} network", "{number} networks", len(runs))
