"""The live curves of an experiment's page in the view that the reader chooses, and their numbers as a table."""

from __future__ import annotations

import streamlit as st

from distill_core.evaluation.metrics import loss_metric, metric_title, primary_metric
from distill_core.language import _, told
from distill_core.rows import ExperimentView
from pages.ui import address, budget, results
from pages.ui.live.component import live_curves, views_of
from pages.ui.live.points_table import points_table


def curves(view: ExperimentView) -> None:
    """The live curves; they follow the experiment without any script run."""
    views, main, loss = views_of(view.task), primary_metric(view.task), loss_metric(view.task)
    names = {str(one["name"]): name for name, one in views.items()}
    first = address.chosen("curve", list(names))
    chosen = names[str(st.segmented_control(
        _("Curves"), list(names), format_func=lambda name: views[names[name]]["label"], required=True,
        key="curve", label_visibility="collapsed", wrap=True,
        help=_(
            "Losses of variants with different terms are on different scales; {main} and {loss} compare."
        ).format(main=told(metric_title(main, view.task)), loss=told(metric_title(loss, view.task))),
    ))]
    address.write("curve", [str(views[chosen]["name"])], default=[first])
    stack = budget.stack_of(view) if chosen in budget.STACKED else ()
    titles = budget.term_titles(view)
    live_curves(
        view.row.experiment_id, stack=stack, state=f"{view.row.state}", view=chosen, views=views,
        label=_("{label} by epoch for every run").format(label=views[chosen]["label"]),
        term_titles=titles,
    )
    results.show_numbers(
        lambda: points_table(view, shown=chosen, stack=stack, titles=titles), key="curves",
        alt=_("Share of each term in percent, epoch by epoch") if chosen in budget.STACKED
        else _("Validation figures of every run, epoch by epoch"),
    )
