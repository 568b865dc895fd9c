"""A trial of a sweep as the beginning of an experiment of its own, with its seeds or with fresh ones."""

from __future__ import annotations

from typing import Any

import streamlit as st

from distill_core.charts.names import markdown_name, markdown_text
from distill_core.charts.sweep_axes import values_in_words
from distill_core.errors import NotFound
from distill_core.language import _
from distill_core.spec import LONGEST_NAME
from pages.ui.session import lab

Json = dict[str, Any]
_BETWEEN, _FRESH = "/", "fresh"
_LEAST_FRESH_SEEDS = 5


def tell(sweep_id: str) -> str:
    """Say which trial the address means; returns what `settings` makes the form of. Raises NotFound."""
    number = st.query_params.get("trial", "")
    results = lab().sweeps.results(sweep_id)
    trial = next((one for one in results.trials if number == str(one.number + 1)), None)
    if trial is None:
        raise NotFound(f"There is no trial {number[:20]!r} in sweep {sweep_id}.")
    fresh = st.query_params.get("fresh") == "1"
    text = _(
        "Trial {number} of the sweep {name} ({values}), with seeds that chose nothing."
    ) if fresh else _("Trial {number} of the sweep {name} ({values}); its trained runs are reused.")
    st.info(text.format(
        number=trial.number + 1, name=markdown_name(results.row.name, 60),
        values=markdown_text(values_in_words(trial.values)),
    ), icon=":material/grid_on:")
    return _BETWEEN.join([sweep_id, str(trial.number), _FRESH if fresh else ""])


def settings(origin: str) -> Json:
    """The settings of the experiment."""
    sweep_id, number, fresh = origin.split(_BETWEEN)
    spec = lab().sweeps.cell_spec(sweep_id, int(number)).to_json()
    if fresh:
        used = lab().sweeps.find(sweep_id).spec.base.seeds
        first, many = max(used) + 1, max(_LEAST_FRESH_SEEDS, len(used))
        name = _("{name}, fresh seeds").format(name=spec["name"][: LONGEST_NAME - 16])
        spec |= {"seeds": list(range(first, first + many)), "name": name[:LONGEST_NAME]}
    return spec
