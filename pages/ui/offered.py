"""The experiments that a page offers to choose from, by names that stay the same while the page is open."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import plain_name
from distill_core.errors import NotFound
from distill_core.language import _
from pages.ui import words
from pages.ui.session import lab

MOST_OFFERED = 200


def offered_experiments(parameter: str) -> dict[str, str]:
    """A name for each of the latest experiments by its id, and for those that the address names by this parameter."""
    rows = {row.experiment_id: row for row in lab().experiments(limit=MOST_OFFERED)}
    names = {key: f"{plain_name(row.name, 48)} · {words.moment(row.created_at)}" for key, row in rows.items()}
    # A chooser takes equal names for one option; the id tells twins of one minute apart.
    twins = [name for name in names.values() if list(names.values()).count(name) > 1]
    names = {key: f"{name} · {key}" if name in twins else name for key, name in names.items()}
    for wanted in st.query_params.get_all(parameter):
        if wanted not in names:
            try:
                names[wanted] = f"{plain_name(lab().experiment(wanted).row.name, 48)} · {wanted}"
            except NotFound:
                st.warning(
                    _("There is no experiment {wanted}; it is left out.").format(wanted=plain_name(wanted, 24)),
                    icon=":material/search_off:",
                )
    return names
